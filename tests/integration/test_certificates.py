"""Signers that say themselves where their certificate stands.

Turns red when: a certificate is fetched that no scheme allows (worker/asked.c,
shared/scheme_fetched.c), or believed though it leads nowhere, or has another
name (shared/scheme_x509.c); a message of AWS SNS is not taken (conf/schemes.conf).
"""

import base64
import json
import pathlib
import time

import pytest

from kit.keyshost import KeysHost, openssl
from kit.wait import IN_TIME, until

WITHIN = "answer_within = 2s"
BODY = b'{"id": "evt_1", "type": "t"}'
VECTORS = pathlib.Path(__file__).parents[1] / "vectors"

CONFIG = """
[scheme provider]
kind = rsa
signature = header:x-signature
encoding = base64
template = {{body}}
secret_encoding = certificate
keys_from = localhost:{port}/certs/*.pem
keys_at = header:x-cert-url
certificate_name = signer.example
{scheme}
id = json:/id
type = json:/type
[source hook]
scheme = provider
{source}
[route keep]
run = /bin/true
"""


class Signer:
    """A key with a certificate under an authority, published as NAME.pem."""

    def __init__(self, host, name, cn="signer.example", authority=None):
        self.host, d = host, host.dir
        self.path, self.key = f"certs/{name}.pem", f"{d}/{name}.key"
        ca = authority or f"{d}/ca"
        host.site.mkdir(f"{host.name}/www/certs")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={cn}",
                "-keyout", self.key, "-out", f"{d}/{name}.csr")
        openssl("x509", "-req", "-days", "2", "-in", f"{d}/{name}.csr",
                "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
                "-out", f"{d}/www/{self.path}")

    def headers(self, body=BODY, url=None):
        signature = openssl("dgst", "-sha256", "-sign", self.key, stdin=body)
        return [("content-type", "application/json"),
                ("x-cert-url", url or self.host.url(self.path)),
                ("x-signature", base64.b64encode(signature).decode())]


@pytest.fixture
def host(site):
    return KeysHost(site)


def up(site, host, scheme="", source=""):
    site.configure(
        CONFIG.format(port=host.port, scheme=scheme, source=source),
        gateway=WITHIN, worker=f"ca_file = {host.ca_file}")
    site.worker()
    site.gateway()


def post(site, headers, body=BODY):
    begin = time.monotonic()
    answer = site.post("/hooks/hook", headers, body)
    assert time.monotonic() - begin < IN_TIME
    return answer.status


def reasons(site):
    return site.gateways[0].log()


def asked(host, *paths):
    """It writes its log once it has answered."""
    until(lambda: host.asked() == list(paths), paths, found=host.asked)


def refused(site, reason):
    """It is logged once it is answered."""
    until(lambda: reason in reasons(site), reason)


def test_where_the_provider_keeps_it(site, host):
    """No secret, no chain: the URL is what is trusted, and asked once."""
    signer, other = Signer(host, "a"), Signer(host, "b", cn="other.example")
    up(site, host)
    assert post(site, signer.headers()) == 200
    assert post(site, signer.headers()) == 200
    asked(host, "/certs/a.pem")
    assert post(site, signer.headers(), BODY + b" ") == 401
    assert post(site, other.headers()) == 401
    refused(site, "reason=mismatch")
    refused(site, "reason=bad_certificate")


def test_where_it_does_not(site, host):
    """A URL that is not on the list is never asked for."""
    signer = Signer(host, "a")
    up(site, host)
    for url in (host.url("a.pem"), host.url("certs/../certs/a.pem"),
                host.url("certs/a.pem").replace("https", "http"),
                host.url("certs/a.pem?x.pem"), host.url("certs/x/a.pem"),
                "https://localhost/certs/a.pem", "a.pem"):
        assert post(site, signer.headers(url=url)) == 401, url
    assert host.asked() == []
    assert post(site, signer.headers(url=host.url("certs/none.pem"))) == 503


def test_made_up(site, host):
    """Ever new URLs where none of its certificates stands: few are asked for,
    and what is there goes on."""
    signer = Signer(host, "a")
    up(site, host)
    assert post(site, signer.headers()) == 200
    for n in range(300):
        url = host.url(f"certs/made-up-{n}.pem")
        assert post(site, signer.headers(url=url)) == 503
    assert post(site, signer.headers()) == 200
    until(lambda: host.asked().count("/certs/a.pem") == 1, "once")
    assert len(host.asked()) < 150


def test_chain_to_a_secret(site, host):
    """The secret is the authority: what leads elsewhere is refused, be it
    published where it may."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=gaff test authority", "-keyout",
            f"{host.dir}/foreign.key", "-out", f"{host.dir}/foreign.pem")
    signer = Signer(host, "a")
    foreign = Signer(host, "b", authority=f"{host.dir}/foreign")
    secret = site.secret("ca", pathlib.Path(host.ca_file).read_text())
    up(site, host, "certificate_chain = yes", f"secret = {secret}")
    assert post(site, signer.headers()) == 200
    assert post(site, foreign.headers()) == 401
    asked(host, "/certs/a.pem", "/certs/b.pem")
    refused(site, "reason=bad_certificate")


def test_chain_to_this_system(site, host):
    """Without a secret the authorities of this system count, not that of the
    connection."""
    signer = Signer(host, "a")
    up(site, host, "certificate_chain = yes")
    assert post(site, signer.headers()) == 401
    asked(host, "/certs/a.pem")


def test_sns(site):
    """Messages that npm's sns-validator has accepted; the certificate as a
    file, the confirmation as an event of its own type."""
    vectors = json.loads((VECTORS / "aws-sns.json").read_text())["vectors"]
    vectors = [v for v in vectors
               if v["origin"] == "sdk-verified" and v["secrets"]]
    assert {json.loads(v["body"])["SignatureVersion"]
            for v in vectors} == {"1", "2"}
    secret = site.secret("sns", vectors[0]["secrets"][0])
    topic = vectors[0]["params"]["topic_arn"]
    site.up(f"[source hook]\nscheme = aws-sns\nsecret = {secret}\n"
            f"param = topic_arn={topic}\nconfirm = none\n"
            f"[route keep]\nrun = /bin/true\n")
    types = set()
    for v in vectors:
        if not v["valid"]:
            continue
        message = json.loads(v["body"])
        answer = site.post("/hooks/hook", list(v["headers"].items()),
                           v["body"].encode())
        assert answer.status == 200, (answer, reasons(site))
        event = site.show(answer.json()["id"])
        assert event["key"] == message["MessageId"]
        assert event["type"] == message["Type"]
        types.add(event["type"])
    assert {"Notification", "SubscriptionConfirmation"} <= types
    other = vectors[0]["body"].replace("Hello", "Hallo").encode()
    headers = list(vectors[0]["headers"].items())
    assert site.post("/hooks/hook", headers, other).status == 401
