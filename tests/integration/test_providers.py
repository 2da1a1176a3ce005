"""Each provider end to end: accepted, refused when forged, known again.

The signatures come from kit/sign.py, not from gaff.  Turns red when: a
scheme_verify() result is ignored in fcgi/ingest.c; a scheme in schemes.conf
finds no id or type; the worker hands on other bytes than came in.
"""

import json
import time

import pytest

from kit import sign
from kit.sign import JSON
from kit.wait import until

SOURCES = """
[source github]
scheme = github
secret = {github}
[source stripe]
scheme = stripe
secret = {stripe}
[source slack]
scheme = slack
secret = {slack}
[source shopify]
scheme = shopify
secret = {shopify}
[source standard]
scheme = standard-webhooks
secret = {standard}
[scheme acme]
kind = hmac
hash = sha256
encoding = hex
signature = header:x-acme-signature
template = {{body}}
id = json:/id
type = json:/type
[source acme]
scheme = acme
secret = {acme}
[source bearer]
scheme = token
secret = {token}
id = json:/id
type = json:/type
[source basic]
scheme = basic
secret = {basic}
id = json:/id
type = json:/type
[source open]
scheme = none
allow = 127.0.0.0/8
id = json:/id
type = json:/type
[source closed]
scheme = none
allow = 192.0.2.0/24
[route keep]
run = {handler}
"""


@pytest.fixture(scope="module")
def up(shared_site):
    site = shared_site
    secrets = {name: site.secret(name, value) for name, value in [
        ("github", sign.GITHUB), ("stripe", sign.STRIPE),
        ("slack", sign.SLACK), ("shopify", sign.SHOPIFY),
        ("standard", sign.STANDARD), ("acme", sign.ACME),
        ("token", sign.TOKEN),
        ("basic", f"{sign.USER}:{sign.PASSWORD}")]}
    return site.up(SOURCES.format(handler=site.handler(), **secrets))


def body(**members):
    """Spaces and order that no JSON library would write again."""
    return json.dumps(members, indent=3).encode() + b"\r\n \n"


# name -> (body, headers of a good request, key, type)
def github():
    b = body(action="opened", n=1)
    return b, sign.github(b, "gh-1", "pull_request"), "gh-1", \
        "pull_request.opened"


def github_push():
    b = body(ref="refs/heads/main")
    return b, sign.github(b, "gh-2"), "gh-2", "push"


def stripe():
    b = body(id="evt_1", object="event", type="invoice.paid", data={"id": 7})
    return b, sign.stripe(b), "evt_1", "invoice.paid"


def slack():
    b = body(type="event_callback", event_id="Ev1",
             event={"type": "app_mention"})
    return b, sign.slack(b), "Ev1", "app_mention"


def shopify():
    b = body(id=820982911946154508)
    return b, sign.shopify(b, "sh-1"), "sh-1", "orders/create"


def standard():
    b = body(type="contact.created", data={})
    return b, sign.standard(b, "msg_1"), "msg_1", "contact.created"


def acme():
    b = body(id="a-1", type="order.made")
    return b, sign.acme(b), "a-1", "order.made"


def bearer():
    b = body(id="b-1", type="told")
    return b, sign.bearer(), "b-1", "told"


def basic():
    b = body(id="c-1", type="told")
    return b, sign.basic(), "c-1", "told"


def open_():
    b = body(id="o-1", type="told")
    return b, [JSON], "o-1", "told"


GOOD = {"github": github, "github push": github_push, "stripe": stripe,
        "slack": slack, "shopify": shopify, "standard": standard,
        "acme": acme, "bearer": bearer, "basic": basic, "open": open_}


def run_of(site, event_id):
    return until(lambda: [r for r in site.runs()
                          if r["env"]["GAFF_EVENT_ID"] == event_id],
                 f"the handler ran for {event_id}",
                 found=lambda: site.workers["local"].tail(5))[0]


@pytest.mark.parametrize("name", GOOD)
def test_accepted_and_known_again(up, name):
    data, headers, key, kind = GOOD[name]()
    source = name.split()[0]
    answer = up.post("/hooks/" + source, headers, data)
    assert answer.status == 200, answer
    assert answer.json()["status"] == "accepted"
    event_id = answer.json()["id"]
    run = run_of(up, event_id)
    env = run["env"]
    found = (run["sha256"], env["GAFF_SOURCE"], env["GAFF_KEY"],
             env["GAFF_TYPE"], env["GAFF_ROUTE"], env["GAFF_ATTEMPT"],
             env["GAFF_REPLAY"], env["GAFF_CONTENT_TYPE"])
    assert found == (sign.sha256(data), source, key, kind, "keep", "1", "0",
                     "application/json")
    up.wait_state(event_id, "keep", "delivered")

    again = up.post("/hooks/" + source, headers, data)
    assert again.status == 200, again
    assert again.json() == {"status": "duplicate", "id": event_id}
    shown = up.show(event_id)
    assert len(shown["deliveries"]) == 1
    assert len(shown["deliveries"][0]["attempts"]) == 1


@pytest.mark.parametrize("name", [n for n in GOOD if n != "open"])
def test_forged_is_refused(up, name):
    """One bit of the body or of the proof, or no proof at all."""
    data, headers, key, _ = GOOD[name]()
    source = name.split()[0]
    plain = [h for h in headers if h[0] == "Content-Type"]
    forged = [(plain, data)]
    for at, (header, value) in enumerate(headers):
        if header in ("Authorization",) or "ignature" in header \
                or "Hmac" in header:
            bad = value[:-3] + ("A" if value[-3] not in "aA" else "B") \
                + value[-2:]
            forged.append((headers[:at] + [(header, bad)]
                           + headers[at + 1:], data))
            forged.append((headers[:at] + [(header, value[:-1])]
                           + headers[at + 1:], data))
            forged.append((headers[:at] + [(header, "")]
                           + headers[at + 1:], data))
    if name not in ("bearer", "basic"):
        at = len(data) // 2
        forged.append((headers, data + b" "))
        forged.append((headers, data[:at] + bytes([data[at] ^ 1])
                       + data[at + 1:]))
    for fake, sent in forged:
        before = len(up.json("events", "--source", source))
        answer = up.post("/hooks/" + source, fake, sent)
        assert answer.status == 401, (fake, answer)
        assert answer.header("www-authenticate"), answer.headers
        assert answer.json()["status"] == 401
        assert len(up.json("events", "--source", source)) == before


@pytest.mark.parametrize("skew", [-301, 301, -100000])
@pytest.mark.parametrize("name", ["stripe", "slack", "standard"])
def test_outside_the_time_window(up, name, skew):
    data, _, _, _ = GOOD[name]()
    data += str(skew).encode()
    at = time.time() + skew + (1 if skew > 0 else -1)
    headers = {"stripe": lambda: sign.stripe(data, at),
               "slack": lambda: sign.slack(data, at),
               "standard": lambda: sign.standard(data, f"m{skew}", at)}
    answer = up.post("/hooks/" + name, headers[name](), data)
    assert answer.status == 401, answer


def test_not_in_the_allow_list(up):
    answer = up.post("/hooks/closed", [JSON], b"{}")
    assert answer.status == 403, answer


def test_slack_handshake(up):
    """url_verification is answered with the challenge and stored nowhere."""
    data = body(type="url_verification", token="t", challenge="3eZbrw1aB")
    before = len(up.json("events", "--source", "slack"))
    answer = up.post("/hooks/slack", sign.slack(data), data)
    assert answer.status == 200, answer
    assert b"3eZbrw1aB" in answer.body
    assert len(up.json("events", "--source", "slack")) == before
    forged = up.post("/hooks/slack", sign.slack(data, secret="wrong-secret"),
                     data)
    assert forged.status == 401, forged
    assert b"3eZbrw1aB" not in forged.body


def test_unsigned_key_with_another_body(up):
    """GitHub does not sign the delivery id: another body under a known id
    is another event and not lost."""
    first = body(n="one")
    second = body(n="two")
    a = up.post("/hooks/github", sign.github(first, "same"), first).json()
    b = up.post("/hooks/github", sign.github(second, "same"), second).json()
    assert (a["status"], b["status"]) == ("accepted", "accepted")
    assert a["id"] != b["id"]


def test_github_ping_runs_nothing(up):
    """A probe goes only to routes whose type names it."""
    data = body(zen="Keep it logically awesome.")
    answer = up.post("/hooks/github", sign.github(data, "ping-1", "ping"),
                     data)
    assert answer.status == 200, answer
    event_id = answer.json()["id"]
    last = body(n="after ping")
    after = up.post("/hooks/github", sign.github(last, "ping-2"), last)
    run_of(up, after.json()["id"])
    assert up.show(event_id)["deliveries"] == []


def test_no_secret_shows(up):
    """Promise 11: in no log, environment, store, nor in headers handed on."""
    data, headers, _, _ = GOOD["bearer"]()
    data += b"secrets"
    up.post("/hooks/bearer", headers, data)
    up.post("/hooks/bearer", [("Cookie", "c00kie-c00kie")] + headers,
            data + b"2")
    texts = [p.log() for p in (*up.gateways, *up.workers.values())]
    texts += [json.dumps(up.runs()), up.gaff("events").stdout.decode()]
    signature = dict(sign.acme(b"x"))["X-Acme-Signature"]
    up.post("/hooks/acme", sign.acme(b"x"), b"x")
    for secret in (sign.TOKEN, sign.GITHUB, sign.STRIPE, sign.PASSWORD,
                   sign.STANDARD.removeprefix("whsec_"), "c00kie-c00kie",
                   signature):
        for text in texts:
            assert secret not in text
    store = b""
    for name in ("store/gaff.db", "store/gaff.db-wal"):
        with open(up.path(name), "rb") as f:
            store += f.read()
    for secret in (sign.TOKEN, "c00kie-c00kie", signature):
        assert secret.encode() not in store
