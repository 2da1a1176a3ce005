"""Orderly stops and upgrades lose nothing (promises 1, 8).

Turns red when: a gateway that drains shuts the shared listener down, drops
accepted connections or leaves parked requests without an answer; a worker
counts an attempt that its own stop cut short.
"""

import signal
import time

import pytest

from kit import ledger, sign
from kit.ledger import Load
from kit.wait import IN_TIME, until


def stop_all(site):
    for gateway in site.gateways:
        if gateway.alive():
            gateway.stop()
    site.workers["local"].stop()


def config(site, route="run = /bin/true"):
    return ledger.source(site) + f"[route keep]\n{route}\n"


@pytest.mark.parametrize("kind", ["lighttpd", "nginx", "apache-proxy"])
def test_gateways_take_turns(site, kind):
    """Two gateways on an inherited listener; each is replaced under load."""
    site.configure(config(site))
    listener = site.listener()
    site.worker()
    site.gateway(name="a", listener=listener)
    site.gateway(name="b", listener=listener)
    server = site.server(kind)
    load = Load(site, server, 3000, rate=1500, connections=32).begun(100)
    for turn in range(4):
        time.sleep(0.3)
        old = site.gateways[turn]
        old.signal(signal.SIGTERM if turn % 2 else signal.SIGUSR1)
        assert old.wait() == 0, old.tail()
        site.gateway(name=f"c{turn}", listener=listener, ready=False)
    load.only(200)
    stop_all(site)
    assert ledger.check([load], ledger.stored(site)) == (3000,) * 3
    listener.close()


def test_lone_gateway_restarts(site):
    """Connections wait in the listener that the service manager holds."""
    site.configure(config(site))
    listener = site.listener()
    site.worker()
    site.gateway(listener=listener)
    server = site.server("lighttpd")
    load = Load(site, server, 1500, rate=1000, connections=16).begun(100)
    for _ in range(3):
        assert site.gateways[-1].stop() == 0
        time.sleep(0.1)
        site.gateway(listener=listener)
    load.only(200)
    stop_all(site)
    assert ledger.check([load], ledger.stored(site)) == (1500,) * 3
    listener.close()


def test_parked_requests_are_answered_at_the_end(site):
    """SIGTERM with requests parked: they get their 503, in time."""
    site.configure(config(site), gateway="answer_within = 2s")
    listener = site.listener()
    gateway = site.gateway(listener=listener, ready=False)
    server = site.server("nginx")
    load = Load(site, server, 20, connections=20)
    time.sleep(0.3)
    begin = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - begin < IN_TIME
    load.only(503)
    listener.close()


def test_all_restart_in_turn(site):
    """Worker and gateways, one after the other, under load."""
    site.configure(config(site))
    listener = site.listener()
    site.worker()
    site.gateway(listener=listener)
    server = site.server("apache-proxy")
    load = Load(site, server, 1200, rate=300, connections=128).begun(100)
    for _ in range(2):
        site.workers["local"].stop()
        site.worker()
        site.gateway(listener=listener, name="next")
        site.gateways[-2].stop()
    load.only(200)
    stop_all(site)
    assert ledger.check([load], ledger.stored(site)) == (1200,) * 3
    listener.close()


@pytest.mark.parametrize("kind", ["lighttpd-spawn", "apache-fcgid"])
def test_spawned_gateways_end_with_their_server(site, kind):
    """The leak check at the end of the test is the assertion."""
    site.configure(config(site))
    site.worker()
    server = site.server(kind)
    load = Load(site, server, 300, connections=8)
    load.only(200)
    server.stop()


def test_stop_lets_a_handler_finish(site):
    """SIGTERM: what runs may end within stop_after, and counts."""
    site.up(config(site, f"run = {site.handler(then='time.sleep(1)')}"))
    event_id = post(site, "k")
    site.wait_runs(1)
    assert site.workers["local"].stop() == 0
    site.worker()
    site.wait_state(event_id, "keep", "delivered")
    assert len(site.runs()) == 1


def post(site, key):
    data = b'{"type": "t"}'
    answer = site.post("/hooks/load", sign.standard(data, key), data)
    assert answer.status == 200, answer
    return answer.json()["id"]


def test_stop_cuts_a_long_handler(site):
    """After stop_after it is ended; that attempt does not count."""
    wait = f"while not os.path.exists({site.path('go')!r}): time.sleep(0.05)"
    site.configure(config(site, f"run = {site.handler(then=wait)}"),
                   worker="stop_after = 500ms")
    site.worker()
    site.gateway()
    event_id = post(site, "k")
    site.wait_runs(1)
    begin = time.monotonic()
    assert site.workers["local"].stop() == 0
    assert time.monotonic() - begin < IN_TIME
    site.write("go", "")
    site.worker()
    site.wait_state(event_id, "keep", "delivered")
    assert [r["env"]["GAFF_ATTEMPT"] for r in site.runs()] == ["1", "1"]
    attempts = site.show(event_id)["deliveries"][0]["attempts"]
    assert len(attempts) == 1, attempts


def test_states_survive(site, receiver):
    """Waiting deliveries, paused routes and attempts are in the store."""
    receiver.answer = 500
    site.up(config(site, f"post = {receiver.url}\nschedule = 1h 1h"))
    event_id = post(site, "k")
    site.wait_state(event_id, "keep", "waiting")
    site.gaff("pause", "keep")
    before = site.show(event_id)
    site.workers["local"].kill()
    site.worker()
    assert site.show(event_id) == before
    status = site.gaff("status", "--json", code=None).stdout
    assert b'"paused":true' in status.replace(b" ", b""), status
    second = post(site, "k2")
    until(lambda: site.deliveries(second) == {"keep": "pending"},
          "the new delivery waits")
    receiver.answer = 200
    site.gaff("resume", "keep")
    site.wait_state(second, "keep", "delivered")
