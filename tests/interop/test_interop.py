"""gaff and the providers' own SDKs must agree, both ways.

What an SDK signs is sent through nginx, a gateway and a worker; what gaff signs
(gaff sign, gaff send, a signed `post`) is verified by the SDK.  A changed byte
must turn either of them against it, and so must age.  Turns red when: a section
of conf/schemes.conf says anything else than the provider does.
"""

import itertools
import json
import time

import pytest
from kit.receiver import Receiver
from kit.wait import until
from providers import PROVIDERS, URL, tampered
from sdk import Sdk

PATIENCE = 30
# seconds, on both sides of the limits that SDKs have; below 0 is in the future
AGES = (-86400, -301, -299, -61, -59, 0, 4, 6, 59, 61, 179, 181, 299, 301,
        7199, 7201, 86400)
ids = itertools.count(time.time_ns() // 1000)

SOURCE = """
[source {sdk}]
scheme = {scheme}
secret = {gateway}
{more}
"""

ROUTE = """
[route {sdk}]
source = hub
type = {sdk}
post = {url}/{sdk}
sign = {scheme}
sign_secret = {private}
"""

HUB = """
[source hub]
scheme = token
secret = {token}
type = header:x-kind
"""
TOKEN = "s3same-0pen-s3same"


class Setup:
    """A site with a source and a route for every provider, and the SDKs."""

    def __init__(self, site):
        self.site = site
        self.keys = {p.sdk: p.keys() for p in PROVIDERS}
        self.receiver = Receiver()
        self.sdk = Sdk(site.path("sdk.log"))
        site.up(HUB.format(token=site.secret("hub", TOKEN))
                + "".join(map(self.section, PROVIDERS)))
        self.server = site.server("nginx")

    def section(self, p):
        keys = self.keys[p.sdk]
        text = SOURCE + ROUTE if p.posts else SOURCE
        return text.format(
            sdk=p.sdk, scheme=p.name, more=p.source,
            url=f"http://127.0.0.1:{self.receiver.port}",
            gateway=self.site.secret(p.sdk, keys.gateway),
            private=self.site.secret(self.private(p), keys.private))

    @staticmethod
    def private(p):
        return p.sdk + ".private"

    def close(self):
        self.sdk.close()
        self.receiver.close()

    def ask(self, p, do, body, headers, now, url=None):
        return self.sdk.ask(
            sdk=p.sdk, do=do, secret=self.keys[p.sdk].sdk, body=body,
            headers=headers, now=now, url=url or URL + p.path(body))

    def gaff_sign(self, p, i, body, headers, now):
        """The headers to add."""
        return json.loads(self.site.gaff(
            "sign", "--scheme", p.signed_by, "--id", i, "--at", str(now),
            "--secret", f"file:secrets/{self.private(p)}", "--json",
            "--url", URL + p.path(body), "--body", "-",
            *options(headers), stdin=body.encode()).stdout)

    def gaff_verify(self, p, body, headers, now):
        run = self.site.gaff(
            "verify", "--scheme", p.name, "--at", str(now),
            "--secret", f"file:secrets/{p.sdk}",
            "--url", URL + p.path(body), "--body", "-",
            *options(headers), stdin=body.encode(), code=None)
        assert run.returncode in (0, 1), run
        return run.returncode == 0

    def sdk_agrees(self, p, body, headers, now, url=None):
        """The SDK takes it for genuine, and another body not."""
        url = url or URL + p.path(body)
        good = self.ask(p, "verify", body, headers, now, url)
        assert good == {"valid": True}, (headers, body)
        bad = self.ask(p, "verify", tampered(body), headers, now, url)
        assert bad["valid"] is False, (headers, body)

    def gateway_agrees(self, p, i, body, headers):
        """nginx, gateway and worker do the same, and store the event."""
        path, headers = p.path(body), list(headers.items())
        bad = self.server.post(path, headers, tampered(body).encode())
        assert bad.status == p.refused, (bad, headers)
        good = self.server.post(path, headers, body.encode())
        assert good.status == 200, (good, headers, self.site.gateways[0].tail())
        event = self.site.show(good.header("gaff-event-id"))
        found = (event["source"], event["key"], event["type"],
                 event["body_bytes"])
        assert found == (p.sdk, i if p.keyed else "", p.kind,
                         len(body.encode())), event

    def received(self, path):
        return [r for r in self.receiver.got() if r.path == path]


@pytest.fixture(scope="module")
def setup(shared_site):
    setup = Setup(shared_site)
    yield setup
    setup.close()


def request_of(p):
    """(id, body, headers beside the signature, time)"""
    i = str(next(ids))
    headers = {"content-type": p.content_type, **p.headers(i)}
    return i, p.text(i), headers, int(time.time())


def options(headers):
    return [x for name, value in headers.items()
            for x in ("--header", f"{name}: {value}")]


def each(providers):
    return pytest.mark.parametrize("p", providers, ids=lambda p: p.sdk)


@each([p for p in PROVIDERS if p.signs])
def test_sdk_signs(setup, p):
    i, body, headers, now = request_of(p)
    signed = setup.ask(p, "sign", body, headers, now)
    assert "headers" in signed, signed
    setup.gateway_agrees(p, i, body, {**headers, **signed["headers"]})


@each(PROVIDERS)
def test_gaff_signs(setup, p):
    i, body, headers, now = request_of(p)
    headers.update(setup.gaff_sign(p, i, body, headers, now))
    setup.sdk_agrees(p, body, headers, now)
    setup.gateway_agrees(p, i, body, headers)


@each([p for p in PROVIDERS if p.sends])
def test_gaff_sends(setup, p):
    i, body, headers, now = request_of(p)
    del headers["content-type"]
    at = p.path(body).replace("/hooks/", "/sent/")
    to = f"http://127.0.0.1:{setup.receiver.port}{at}"
    setup.site.gaff(
        "send", "--scheme", p.signed_by, "--to", to, "--key", i,
        "--secret", f"file:secrets/{setup.private(p)}",
        "--content-type", p.content_type, "--body", "-",
        *options(headers), stdin=body.encode())
    got, = setup.received(at)
    assert got.body.decode() == body
    setup.sdk_agrees(p, body, got.headers, now, to)


@each([p for p in PROVIDERS if p.posts])
def test_gaff_posts(setup, p):
    """A route with `sign`: the receiver may use the provider's SDK."""
    i, body, headers, now = request_of(p)
    answer = setup.server.post("/hooks/hub", [
        ("Authorization", "Bearer " + TOKEN), ("X-Kind", p.sdk),
        *headers.items()], body.encode())
    assert answer.status == 200, answer
    until(lambda: setup.received(f"/{p.sdk}"), f"{p.sdk} is posted",
          PATIENCE, found=lambda: setup.site.workers["local"].tail(5))
    got = setup.received(f"/{p.sdk}")[0]
    assert got.body.decode() == body
    setup.sdk_agrees(p, body, got.headers, now,
                     f"http://127.0.0.1:{setup.receiver.port}/{p.sdk}")


@each(PROVIDERS)
def test_ages(setup, p):
    """A request grows too old for both at the same time.  gaff may be stricter
    with times in the future, and with those an SDK does not look at."""
    i, body, headers, now = request_of(p)
    headers.update(setup.gaff_sign(p, i, body, headers, now))
    for age in AGES:
        gaff = setup.gaff_verify(p, body, headers, now + age)
        sdk = setup.ask(p, "verify", body, headers, now + age)["valid"]
        if age < 0 or p.timeless:
            assert sdk or not gaff, (age, headers)
        else:
            assert sdk == gaff, (age, headers)
