"""Events that a GET confirms, as the subscriptions of AWS SNS.

Turns red when: a confirmation is not asked for, or given up after one failure
(worker/confirm.c); what is forged, unsigned, of another type or on another
host is asked for (shared/scheme_confirm.c); the URL is logged; how it ended is
not counted.
"""

import hmac
import json
import re

import pytest

from kit import web
from kit.keyshost import KeysHost
from kit.wait import until

CONFIG = """
[scheme provider]
kind = hmac
signature = header:x-signature
template = {{body}}
id = json:/id
type = json:/type
confirm = json:/type=subscribed -> json:/url
confirm_at = localhost:{port}
[source hook]
scheme = provider
secret = {secret}
[source other]
scheme = provider
secret = {secret}
confirm = none
[route keep]
run = /bin/true
"""


@pytest.fixture
def host(site):
    host = KeysHost(site)
    secret = site.secret("hook", "the_secret")
    site.configure(CONFIG.format(port=host.port, secret=secret),
                   worker=f"ca_file = {host.ca_file}\n"
                          "metrics = 127.0.0.1:0")
    return host


def up(site):
    site.worker()
    site.gateway()


def body(url, id="1", type="subscribed"):
    return json.dumps({"id": id, "type": type, "url": url}).encode()


def post(site, data, secret="the_secret", source="hook"):
    signature = hmac.new(secret.encode(), data, "sha256").hexdigest()
    return site.post(f"/hooks/{source}", [
        ("content-type", "application/json"),
        ("x-signature", signature)], data)


def logged(site, *words):
    return [line for line in site.workers["local"].log().splitlines()
            if all(word in line for word in words)]


def counted(site, source="hook"):
    """{outcome: n} as the worker's metrics have it."""
    port = re.search(r"for=metrics host=127\.0\.0\.1 port=(\d+)",
                     site.workers["local"].log()).group(1)
    text = web.get(int(port), "/metrics").body.decode()
    return {outcome: int(n) for outcome, n in re.findall(
        rf'^gaff_confirmations_total{{source="{source}",outcome="(\w+)"}} (\d+)$',
        text, re.M)}


def settled(site, host, name="end"):
    """One more that is confirmed: what came before it has been looked at."""
    site.write(f"{host.name}/www/{name}", "yes")
    assert post(site, body(host.url(name), id=name)).status == 200
    until(lambda: f"/{name}" in host.asked(), "the last one is asked for")


def test_subscription(site, host):
    """Stored, asked for once with its query, and a copy asks for nothing."""
    up(site)
    site.write(f"{host.name}/www/confirm", "yes")
    url = host.url("confirm?Action=Confirm&Token=hidden%2F1")
    answer = post(site, body(url))
    assert answer.status == 200
    until(lambda: logged(site, "msg=confirmed", answer.json()["id"]), "confirmed")
    assert post(site, body(url)).json()["id"] == answer.json()["id"]
    settled(site, host)
    assert host.asked() == ["/confirm?Action=Confirm&Token=hidden%2F1", "/end"]
    assert site.show(answer.json()["id"])["type"] == "subscribed"
    assert not logged(site, "hidden")
    until(lambda: counted(site) == {"confirmed": 2, "failed": 0}, "counted")
    assert not counted(site, "other")


def test_elsewhere(site, host):
    """Forged, of another type, on another host, by a source that does not."""
    up(site)
    good = host.url("no")
    assert post(site, body(good), secret="another").status == 401
    assert post(site, body(good), source="other").status == 200
    assert post(site, body(good, "2", type="unsubscribed")).status == 200
    urls = [f"https://127.0.0.1:{host.port}/no", "https://localhost/no",
            f"http://localhost:{host.port}/no", good.replace("//", "//a@"),
            f"https://localhost:{host.port}", good + "#x", good + " x",
            good.replace("localhost", "localhost.") , "no", "",
            f"https://localhost:{host.port}.example/no"]
    for n, url in enumerate(urls):
        assert post(site, body(url, f"u{n}")).status == 200, url
    until(lambda: len(logged(site, "not_confirmed", "not_allowed")) ==
          len(urls), "all of them are refused")
    settled(site, host)
    assert host.asked() == ["/end"]
    until(lambda: counted(site) == {"confirmed": 1, "failed": len(urls)},
          "counted", found=lambda: counted(site))


def test_tried_again(site, host):
    """A provider that says no at first; a redirect is no yes."""
    up(site)
    assert post(site, body(host.url("later"))).status == 200
    assert post(site, body(host.url("moved"), "2")).status == 200
    until(lambda: logged(site, "confirm_again", "status:404"), "it said no")
    site.write(f"{host.name}/www/later", "yes")
    until(lambda: logged(site, "msg=confirmed", "id="), "confirmed")
    until(lambda: logged(site, "confirm_again", "status:302"), "not followed")
    assert "/set.json" not in host.asked()


def test_given_up(site, host):
    """What a worker did not come to before its end is told."""
    up(site)
    answer = post(site, body(host.url("never")))
    until(lambda: logged(site, "confirm_again", "status:404"), "it said no")
    site.workers["local"].stop()
    assert logged(site, "not_confirmed", answer.json()["id"], "stopping")
