"""A reload is all or nothing (promise 9).

Turns red when: a new configuration is taken before it was checked whole, or
a worker does not match its unmatched events again.
"""

import signal

import pytest

from kit import ledger, sign
from kit.ledger import Load
from kit.wait import until

SOURCES = """
[source one]
scheme = acme
secret = {secret}
[scheme acme]
kind = hmac
hash = sha256
encoding = hex
signature = header:x-acme-signature
template = {{body}}
id = json:/id
type = json:/type
"""
MORE = """
[source two]
scheme = acme
secret = {secret}
"""


def post(site, source, key):
    data = b'{"id": "%s", "type": "t"}' % key.encode()
    return site.post("/hooks/" + source, sign.acme(data), data)


@pytest.fixture
def up(site):
    site.texts = [t.format(secret=site.secret("acme", sign.ACME))
                  for t in (SOURCES, MORE)]
    return site.up(site.texts[0])


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2])
def test_gateway_takes_a_new_source(up, number):
    assert post(up, "two", "1").status == 404
    up.configure("".join(up.texts))
    up.reload(up.gateways[0], number)
    assert post(up, "two", "2").status == 200
    assert post(up, "one", "3").status == 200


def test_bad_configuration_changes_nothing(up):
    """Every fault is logged with its place; all goes on as before."""
    up.configure("".join(up.texts) + "[route r]\nruns = /bin/true\n"
                 "[source three]\nscheme = githab\n")
    for process in (up.gateways[0], up.workers["local"]):
        up.reload(process)
        for fault in ("gaff.conf:", "runs", "githab"):
            process.wait_log(fault)
    assert post(up, "two", "1").status == 404
    event_id = post(up, "one", "2").json()["id"]
    up.configure(up.texts[0])  # the command line reads it, too
    assert up.deliveries(event_id) == {}


def test_emptied_secret_keeps_the_old(up):
    """A secret that is empty at reload must not open the door."""
    up.secret("acme", "")
    up.reload(up.gateways[0])
    assert post(up, "one", "1").status == 200
    data = b'{"id": "2"}'
    answer = up.post("/hooks/one", sign.acme(data, secret=""), data)
    assert answer.status == 401, answer


def test_addresses_are_read_again(up):
    """A file of addresses that was fetched anew counts from the reload on;
    one that came empty, or is no list, changes nothing."""
    gateway = up.gateways[0]
    up.configure(up.texts[0].replace(
        "scheme = acme\nsecret", "scheme = acme\nallow = file:one.cidr\nsecret"))
    up.write("one.cidr", "# fetched\n127.0.0.0/8\n")
    up.reload(gateway)
    assert post(up, "one", "1").status == 200
    up.write("one.cidr", "192.0.2.0/24\n")
    up.reload(gateway)
    assert post(up, "one", "2").status == 403
    for bad, fault in (("", "one.cidr has no address"),
                       ("<html>\n", "one.cidr line 1:")):
        up.write("one.cidr", bad)
        up.reload(gateway)
        gateway.wait_log(fault)
        assert post(up, "one", "3").status == 403


def test_secret_is_rotated(up):
    old, new = sign.ACME, "another-secret-of-acme"
    up.secret("acme2", new)
    up.configure(up.texts[0].replace(
        "secret = file:secrets/acme\n",
        "secret = file:secrets/acme\nsecret = file:secrets/acme2\n"))
    up.reload(up.gateways[0])
    data = b'{"id": "r"}'
    for secret, key in ((old, b"r1"), (new, b"r2")):
        data = b'{"id": "%s"}' % key
        answer = up.post("/hooks/one", sign.acme(data, secret), data)
        assert answer.status == 200, answer


def test_unmatched_events_are_matched_again(up):
    """Events that came before their route run once the route is there."""
    ids = [post(up, "one", f"k{n}").json()["id"] for n in range(5)]
    until(lambda: len(up.json("events", "--state", "unmatched")) == 5,
          "five unmatched events",
          found=lambda: up.json("events", "--state", "unmatched"))
    up.configure(up.texts[0] + f"[route late]\nrun = {up.handler()}\n")
    up.reload(up.workers["local"])
    for event_id in ids:
        up.wait_state(event_id, "late", "delivered")
    assert up.json("events", "--state", "unmatched") == []
    assert len(up.runs()) == 5


def test_removed_route_keeps_its_deliveries(up, receiver):
    """Deliveries of a route that is gone wait, and go on when it is back."""
    receiver.answer = 500
    route = f"[route r]\npost = {receiver.url}\nbackoff = 200ms\n"
    up.configure(up.texts[0] + route)
    up.reload(up.workers["local"])
    event_id = post(up, "one", "k").json()["id"]
    up.wait_state(event_id, "r", "waiting")
    up.configure(up.texts[0])
    up.reload(up.workers["local"])
    status = up.gaff("status", "--json", code=None).stdout
    assert b"orphaned" in status, status
    receiver.answer = 200
    up.configure(up.texts[0] + route)
    up.reload(up.workers["local"])
    up.wait_state(event_id, "r", "delivered")


def test_storm(site):
    """Good and broken configurations in turn, under load: only 2xx, and
    nothing is lost."""
    good = ledger.source(site) + "[route keep]\nrun = /bin/true\n"
    site.up(good)
    server = site.server("nginx")
    load = Load(site, server, 2000, rate=600, connections=64).begun()
    n = 0
    while load.running():
        site.configure(good if n % 2 else good + "[route x]\nrun = relative "
                       "* star\n")
        n += 1
        for process in (site.gateways[0], site.workers["local"]):
            site.reload(process)
    assert n > 5
    load.only(200)
    site.gateways[0].stop()
    site.workers["local"].stop()
    assert ledger.check([load], ledger.stored(site)) == (2000,) * 3
