"""Keys that come from the network: the worker fetches, gateways verify.

Turns red when: a gateway lets a token pass without its key (fcgi/keyring.c,
shared/scheme_fetched.c); a URL is fetched that no scheme allows, or more often
than once (worker/asked.c, worker/blobs.c); a certificate, a redirect or an
answer is believed that should not be (worker/fetch.c); an answer comes late.
"""

import json
import re
import socket
import threading
import time

import pytest

from kit import web
from kit.keyshost import Key, KeysHost, b64, openssl
from kit.wait import IN_TIME, until

WITHIN = "answer_within = 2s"
BODY = b'{"id": "evt_1", "type": "t"}'


@pytest.fixture
def host(site):
    return KeysHost(site)


def config(url, more=""):
    return f"""
[scheme provider]
kind = jwt
signature = header:authorization
auth_scheme = Bearer
algorithms = RS256
claim = exp
keys_url = {url}
id = json:/id
type = json:/type
[source hook]
scheme = provider
{more}
[route keep]
run = /bin/true
"""


def up(site, host, url=None, **more):
    site.configure(config(url or host.url(), **more), gateway=WITHIN,
                   worker=f"ca_file = {host.ca_file}")
    site.worker()
    site.gateway()
    return site.workers["local"]


def post(site, headers, listen=None):
    begin = time.monotonic()
    answer = site.post("/hooks/hook", headers, BODY)
    assert time.monotonic() - begin < IN_TIME
    return answer


def test_rotation(site, host):
    """Asked for once before any request; a new key is found at once, a name
    that does not exist is not looked for again."""
    old, new, other = (Key(site, kid) for kid in ("old", "new", "other"))
    host.publish(old)
    worker = up(site, host)
    worker.wait_log("msg=keys_fetched")
    worker.wait_log("fresh_s=7200")
    assert post(site, old.headers()).status == 200
    assert host.asked() == ["/set.json"]
    host.publish(old, new)
    assert post(site, new.headers()).status == 200
    assert post(site, old.headers()).status == 200
    assert host.asked() == ["/set.json"] * 2
    for _ in range(5):
        assert post(site, other.headers()).status == 401
    assert post(site, other.headers(kid="new")).status == 401
    assert post(site, new.headers(exp=1)).status == 401
    assert host.asked() == ["/set.json"] * 2
    log = site.gateways[0].log()
    assert "reason=no_such_key" in log and "reason=mismatch" in log


def test_token_without_payload(site, host):
    """The payload is the body, as TrueLayer has it: what is fetched verifies
    that, too."""
    key, other = Key(site, "k"), Key(site, "other")
    host.publish(key)
    site.configure(f"""
[scheme provider]
kind = jwt
signature = header:x-jws
algorithms = RS256
payload = {{body}}
keys_url = {host.url()}
id = json:/id
[source hook]
scheme = provider
[route keep]
run = /bin/true
""", gateway=WITHIN, worker=f"ca_file = {host.ca_file}")
    site.worker()
    site.gateway()
    for signer, signed, status in ((key, BODY, 200), (key, BODY + b" ", 401),
                                   (other, BODY, 401)):
        answer = post(site, [("content-type", "application/json"),
                             ("x-jws", detached(signer, signed))])
        assert answer.status == status


def detached(key, payload):
    head = b64(json.dumps({"alg": "RS256", "kid": key.kid}).encode())
    signature = openssl("dgst", "-sha256", "-sign", key.path,
                        stdin=f"{head}.{b64(payload)}".encode())
    return f"{head}..{b64(signature)}"


def test_two_gateways_one_fetch(site, host):
    key = Key(site, "k")
    host.publish(key)
    worker = up(site, host)
    worker.wait_log("msg=keys_fetched")
    site.gateways[0].stop()
    site.gateway(name="second")
    assert post(site, key.headers()).status == 200
    assert host.asked() == ["/set.json"]


def test_down_from_the_start(site, host):
    """Nothing is known: 503 in time, and not a thread that waits for each;
    when it is back its keys are."""
    key = Key(site, "k")
    host.publish(key)
    host.stop()
    worker = up(site, host)
    worker.wait_log("msg=keys_not_fetched")
    for _ in range(3):
        answer = post(site, key.headers())
        assert answer.status == 503
        assert answer.header("retry-after")
    site.gateways[0].wait_log("reason=no_keys")
    # what is wrong anyway is said at once
    assert post(site, [("authorization", "Bearer x")]).status == 401
    assert post(site, []).status == 401
    host.start()
    until(lambda: post(site, key.headers()).status == 200,
          "keys come when the provider is back", 60, pause=0.5)


def test_down_later(site, host):
    """Keys that are there go on; a new one is a 503, for it may be good."""
    old, new = Key(site, "old"), Key(site, "new")
    host.publish(old)
    worker = up(site, host)
    worker.wait_log("msg=keys_fetched")
    host.stop()
    assert post(site, new.headers()).status == 503
    worker.wait_log("msg=keys_not_fetched")
    for _ in range(3):
        assert post(site, old.headers()).status == 200
    assert post(site, old.headers(kid="x")).status == 503


@pytest.mark.parametrize("name,bytes_,said", [
    ("none.json", None, "status:404"),
    ("moved", None, "status:302"),
    ("page.html", b"<html>sign in</html>", "no JWK set"),
    ("empty.json", b'{"keys": []}', "no JWK set"),
    ("large.json", b'{"keys": ["' + b"x" * 60000 + b'"]}', "over 49152 bytes"),
], ids=["404", "moved", "page", "empty", "large"])
def test_what_is_no_key(site, host, name, bytes_, said):
    key = Key(site, "k")
    host.publish(key)
    if bytes_:
        site.write(f"provider/www/{name}", bytes_)
    worker = up(site, host, host.url(name))
    worker.wait_log("msg=keys_not_fetched")
    worker.wait_log(said)
    assert post(site, key.headers()).status == 503
    assert "/set.json" not in host.asked()


def test_foreign_certificate(site, host):
    """Without the authority nothing is believed."""
    key = Key(site, "k")
    host.publish(key)
    site.up(config(host.url()), gateway=WITHIN)
    site.workers["local"].wait_log("msg=keys_not_fetched")
    site.workers["local"].wait_log("error=\"tls: ")
    assert post(site, key.headers()).status == 503
    assert host.asked() == []


def test_file_stands_in(site, host):
    """With a secret nothing is fetched."""
    key, other = Key(site, "k"), Key(site, "other")
    host.publish(other)
    secret = site.secret("set", json.dumps({"keys": [key.jwk()]}))
    up(site, host, more=f"secret = {secret}")
    assert post(site, key.headers()).status == 200
    assert post(site, other.headers()).status == 401
    assert host.asked() == []


def test_not_allowed(site, host):
    """A gateway with another configuration cannot make the worker ask."""
    key = Key(site, "k")
    host.publish(key)
    site.configure(config(host.url("other.json")), gateway=WITHIN,
                   worker=f"ca_file = {host.ca_file}")
    worker = site.worker()
    worker.wait_log("msg=accepting")
    site.configure(config(host.url()), gateway=WITHIN,
                   worker=f"ca_file = {host.ca_file}")
    site.gateway()
    worker.wait_log("msg=keys_not_allowed")
    # and what a token names is no URL at all
    headers = key.headers(jku=host.url(), x5u=host.url())
    assert post(site, headers).status == 503
    assert host.asked() == []


SNS = {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x",
       "Message": "m", "Timestamp": "2026-11-22T12:00:00.000Z",
       "SignatureVersion": "2", "Signature": "c2lnbmF0dXJl"}


@pytest.mark.parametrize("url", [
    "https://localhost:{}/set.json",
    "https://localhost:{}/sns.us-east-1.amazonaws.com/x.pem",
    "https://sns.us-east-1.amazonaws.com@localhost:{}/x.pem",
    "https://sns.us-east-1.amazonaws.com.localhost:{}/x.pem",
    "http://localhost:{}/x.pem",
])
def test_hostile_url(site, host, url):
    """What a request names is fetched from the provider's hosts only."""
    site.up("[source hook]\nscheme = aws-sns\nparam = topic_arn=arn:aws:sns:x\n"
            "[route keep]\nrun = /bin/true\n",
            gateway=WITHIN, worker=f"ca_file = {host.ca_file}")
    body = json.dumps({**SNS, "SigningCertURL": url.format(host.port)})
    answer = site.post("/hooks/hook", [
        ("content-type", "text/plain; charset=UTF-8"),
        ("x-amz-sns-message-type", "Notification")], body.encode())
    assert answer.status == 401, answer
    assert host.asked() == []
    worker = site.workers["local"].log()
    assert "msg=keys" not in worker, worker


class Mute:
    """A server that takes connections and says nothing until it is closed."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.taken = []
        self.thread = threading.Thread(target=self.take)
        self.thread.start()

    def take(self):
        while True:
            try:
                self.taken.append(self.socket.accept()[0])
            except OSError:
                return

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
        for taken in self.taken:
            taken.close()


def test_half_of_the_threads(site):
    """Whoever waits for keys that do not come leaves room for the others."""
    key = Key(site, "k")
    mute = Mute()
    site.up(config(f"https://localhost:{mute.port}/set.json") +
            "[source plain]\nscheme = none\nunverified = yes\n",
            gateway="threads = 4\nanswer_within = 60s")
    found = []
    threads = [threading.Thread(
        target=lambda: found.append(
            site.post("/hooks/hook", key.headers(), BODY).status))
        for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        # all but the two that may wait are answered at once
        until(lambda: len(found) == 6, "six answers", 20,
              found=lambda: found)
        for _ in range(5):
            answer = site.post("/hooks/plain", [], BODY)
            assert answer.status == 200
        assert found == [503] * 6
    finally:
        mute.close()
        for thread in threads:
            thread.join()
    # what ends the fetch ends the waiting
    assert found == [503] * 8


def test_check_says_where(site, host):
    site.configure(config(host.url()))
    said = site.gaff("check").stdout.decode()
    assert f"worker gets keys from localhost:{host.port}" in said
    secret = site.secret("set", json.dumps({"keys": [Key(site, "k").jwk()]}))
    site.configure(config(host.url(), more=f"secret = {secret}"))
    said = site.gaff("check").stdout.decode()
    assert "keys from" not in said and "1 secret" in said
    site.configure("[source topic]\nscheme = aws-sns\nparam = topic_arn=arn:x\n"
                   "[route r]\nrun = /bin/true\n")
    said = site.gaff("check").stdout.decode()
    assert ("worker gets keys and confirms events at sns.us-*.amazonaws.com, "
            "sns.eu-*.amazonaws.com and 8 more  " in said), said


def test_counted(site, host):
    """Metrics of the worker: one fetch for two gateways."""
    key = Key(site, "k")
    host.publish(key)
    site.up(config(host.url()), gateway=WITHIN,
            worker=f"ca_file = {host.ca_file}\nmetrics = 127.0.0.1:0")
    worker = site.workers["local"]
    worker.wait_log("msg=keys_fetched")
    site.gateways[0].stop()
    site.gateway(name="second")
    assert post(site, key.headers()).status == 200
    port = re.search(r"for=metrics host=127\.0\.0\.1 port=(\d+)",
                     worker.log()).group(1)
    text = web.get(int(port), "/metrics").body.decode()
    assert 'gaff_keys_total{result="fetched"} 1\n' in text
    assert 'gaff_keys_total{result="cached"} 1\n' in text
    assert 'gaff_keys_total{result="failed"} 0\n' in text


def test_reload(site, host):
    """Keys of a source that comes with a reload are there, too."""
    key = Key(site, "k")
    host.publish(key)
    site.up("[source other]\nscheme = none\nunverified = yes\n"
            "[route keep]\nrun = /bin/true\n", gateway=WITHIN,
            worker=f"ca_file = {host.ca_file}")
    site.configure(config(host.url()), gateway=WITHIN,
                   worker=f"ca_file = {host.ca_file}")
    site.reload(site.workers["local"])
    site.reload(site.gateways[0])
    until(lambda: post(site, key.headers()).status == 200,
          "keys come with a reload")
    assert host.asked() == ["/set.json"]
