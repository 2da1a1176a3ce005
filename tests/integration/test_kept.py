"""Handshakes that deliver a secret: it is kept once, announced, and all
gateways verify by it from then on.

Turns red when: a handshake is answered before its secret is kept, a second
secret replaces the first (fcgi/kept_turn.c, worker/asked.c), a gateway that
did not see the handshake cannot verify, a restart forgets, or the secret gets
into a log, an event, a refused request that is kept, or an answer.
"""

import json

import pytest

from kit import sign
from kit.receiver import Receiver
from kit.wait import until

SECRET = "b537207f20cbfa02357cf448134da559"
OTHER = "0f0e0d0c0b0a09080706050403020100"

CONFIG = """
[source asana]
scheme = asana
keep_rejected = 5
[source notion]
scheme = notion
keep_rejected = 5
[route keep]
run = /bin/true
"""

TELL = """
[route tell-me]
source = gaff
post = {url}
"""


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def asana(secret, body):
    return [sign.JSON,
            ("X-Hook-Signature", sign.mac(secret, body).hexdigest())]


def shake(site, secret=SECRET, **more):
    return site.post("/hooks/asana",
                     [sign.JSON, ("X-Hook-Secret", secret)], b"{}", **more)


def event(site, secret=SECRET, n=1):
    body = b'{"events":[{"action":"changed","n":%d}]}' % n
    return site.post("/hooks/asana", asana(secret, body), body)


def nowhere(site, *secrets):
    """Not in a log, an event, nor what is kept of refused requests."""
    texts = [p.log() for p in [*site.gateways, *site.workers.values()]]
    for row in site.json("events", "--limit", "100"):
        texts.append(json.dumps(site.show(row["id"])))
    for row in site.json("rejected", "list"):
        texts.append(site.gaff("rejected", "show", row["id"], "--json")
                     .stdout.decode())
    for secret in secrets:
        for text in texts:
            assert secret not in text, text


def test_first_comes_and_stays(site, receiver):
    site.up(CONFIG + TELL.format(url=receiver.url))
    assert event(site).status == 401
    site.gaff("secret", "--source", "asana", code=1)

    answer = shake(site)
    assert answer.status == 200, answer
    assert answer.header("x-hook-secret") == SECRET
    assert answer.body == b""
    assert event(site, n=1).status == 200
    assert event(site, OTHER, n=2).status == 401

    # told, once
    told = until(receiver.got, "secret.kept is told")
    assert told[0].headers["gaff-type"] == "secret.kept"
    body = json.loads(told[0].body)
    assert body["source"] == "asana" and body["count"] == 1
    assert body["next"] == "gaff secret --source asana"
    site.workers["local"].wait_log("msg=secret_kept")
    assert site.workers["local"].log().count("msg=secret_kept") == 1

    # the sender may not have heard our answer; another one is refused
    assert shake(site).status == 200
    answer = shake(site, OTHER)
    assert answer.status == 403
    assert answer.header("x-hook-secret") is None
    site.gateways[0].wait_log("reason=secret_kept")
    assert event(site, n=3).status == 200
    assert event(site, OTHER, n=4).status == 401

    assert site.gaff("secret", "--source", "asana").stdout.decode() == \
        SECRET + "\n"
    nowhere(site, SECRET, OTHER)
    assert len(receiver.got()) == 1


def test_all_gateways_and_restarts(site):
    site.up(CONFIG)
    first = site.gateways[0]
    assert shake(site).status == 200
    first.stop()
    second = site.gateway(name="second")
    assert event(site, n=1).status == 200
    assert shake(site, OTHER).status == 403
    # a new start of the worker has it still
    second.stop()
    site.workers["local"].stop()
    site.worker()
    site.gateway(name="third")
    assert event(site, n=2).status == 200
    # and a reload does not forget
    site.reload(site.gateways[-1])
    assert event(site, n=3).status == 200
    assert shake(site, OTHER).status == 403


def test_forgotten(site):
    """By all gateways: the next handshake's is kept, the old one is none."""
    site.up(CONFIG)
    site.gateway(name="second")
    first, second = site.gateways
    assert shake(site).status == 200
    assert event(site, n=1).status == 200
    site.gaff("secret", "--source", "asana", "--forget")
    site.gaff("secret", "--source", "asana", code=1)
    site.gaff("secret", "--source", "asana", "--forget", code=1)
    first.wait_log("msg=secret_forgotten")
    site.workers["local"].wait_log("msg=secret_forgotten")
    assert site.workers["local"].log().count("msg=secret_forgotten") == 1
    assert event(site, n=2).status == 401
    assert shake(site, OTHER).status == 200
    assert event(site, OTHER, n=3).status == 200
    assert event(site, n=4).status == 401
    assert shake(site).status == 403


def test_gateway_that_heard_nothing(site):
    """It was up before another one had the handshake."""
    site.up(CONFIG)
    here = site.listen
    site.listen = site.path("second.sock")
    site.gateway(name="second")
    there = site.listen
    assert event(site).status == 401
    site.listen = here
    assert shake(site).status == 200
    site.listen = there
    # what it was told a moment ago counts a moment longer
    until(lambda: event(site).status == 200, "the second verifies")
    assert event(site, OTHER).status == 401
    assert shake(site, OTHER).status == 403
    assert shake(site).status == 200


def test_no_worker(site):
    """Nothing is answered before it is kept."""
    site.up(CONFIG, gateway="answer_within = 1s")
    site.workers["local"].stop()
    assert shake(site).status == 503
    assert event(site).status == 503
    site.worker()
    site.wait_ready()
    assert shake(site, OTHER).status == 200
    assert event(site, OTHER).status == 200


def test_notion(site):
    site.up(CONFIG)
    token = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
    headers = [sign.JSON]

    def verification(value):
        body = json.dumps({"verification_token": value}).encode()
        return site.post("/hooks/notion", headers, body)
    assert verification("short").status == 401
    assert verification(token).status == 200
    assert verification(OTHER).status == 403
    body = b'{"id":"1","type":"page.created"}'
    digest = sign.mac(token, body).hexdigest()
    assert site.post("/hooks/notion", [
        sign.JSON, ("X-Notion-Signature", "sha256=" + digest)],
        body).status == 200
    assert site.gaff("secret", "--source", "notion", "--json").stdout
    assert site.json("secret", "--source", "notion") == {"secret": token}
    nowhere(site, token, OTHER)


def test_secret_of_the_configuration(site):
    """It is not replaced by what comes."""
    site.up(CONFIG.replace("scheme = asana", "scheme = asana\nsecret = "
                           + site.secret("asana", SECRET)))
    assert shake(site, OTHER).status == 403
    assert event(site, OTHER).status == 401
    assert event(site, SECRET).status == 200
    assert shake(site, SECRET).status == 200
