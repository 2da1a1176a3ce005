"""What a sender is told: a source's own word counts, then its scheme's.

Turns red when: an answer that a source gives is not the one that is sent
(fcgi/reply.c, shared/config_source.c); Xero's has a body (conf/schemes.conf).
"""

import base64
import hmac
import json

import pytest

SECRET = "a secret of the tests"

CONFIG = """
[scheme provider]
kind = token
signature = header:x-token
id = json:/id
response_status = 202
response_type = text/html
response_body = taken
refused_status = 498
[source scheme]
scheme = provider
secret = {secret}
[source status]
scheme = provider
secret = {secret}
response_status = 201
[source type]
scheme = provider
secret = {secret}
response_type = application/xml
[source body]
scheme = provider
secret = {secret}
response_body = <ok/>
[source refused]
scheme = provider
secret = {secret}
refused_status = 403
[source nothing]
scheme = provider
secret = {secret}
response_body = none
[source xero]
scheme = xero
secret = {secret}
[route keep]
run = /bin/true
"""

# source: status, content type and body of an answer; status of a refusal
ANSWERS = {
    "scheme": (202, "text/html", b"taken", 498),
    "status": (201, "text/html", b"taken", 498),
    "type": (202, "application/xml", b"taken", 498),
    "body": (202, "text/html", b"<ok/>", 498),
    "refused": (202, "text/html", b"taken", 403),
    "nothing": (202, None, b"", 498),
}


@pytest.fixture
def up(site):
    site.configure(CONFIG.format(secret=site.secret("hook", SECRET)))
    site.worker()
    site.gateway()
    return site


def seen(answer):
    kind = answer.header("content-type")
    return answer.status, kind and kind.split(";")[0], answer.body


def test_a_source_says_otherwise(up):
    for name, (status, kind, body, refused) in ANSWERS.items():
        data = json.dumps({"id": f"{name}-1"}).encode()
        for _ in "event", "copy":
            answer = up.post(f"/hooks/{name}", [("x-token", SECRET)], data)
            assert seen(answer) == (status, kind, body), name
            assert answer.header("gaff-event-id"), name
        forged = up.post(f"/hooks/{name}", [("x-token", "forged")], data)
        assert forged.status == refused, name
        assert (forged.body == b"") == (name == "nothing"), name


def test_xero(up):
    """Its "intent to receive": signed right and wrong, 200 and 401, without
    body or cookies."""
    data = b'{"events":[],"lastEventSequence":0,"firstEventSequence":0,' \
           b'"entropy":"S0m3r4Nd0mt3xt"}'
    good = base64.b64encode(
        hmac.digest(SECRET.encode(), data, "sha256")).decode()
    for signature, status in (good, 200), (good[::-1], 401), ("", 401):
        answer = up.post("/hooks/xero", [
            ("content-type", "application/json"),
            ("x-xero-signature", signature)], data)
        assert seen(answer) == (status, None, b""), signature
        assert answer.header("content-length") == "0"
        assert not answer.header("set-cookie")
