"""Destinations that are down or slow (promises 6, 8).

Turns red when: retries stop (worker/dispatch*.c does not claim what is due
again); one route's slots or rows are looked through for another route;
the intake waits for deliveries.
"""

import os
import time
from contextlib import closing

import pytest

from kit import ledger, sign
from kit.ledger import Load
from kit.receiver import Receiver
from kit.servers import free_port
from kit.wait import until

from test_crash import delivered, settled, start_sink

MILLION = int(os.environ.get("GAFF_WAITING", "1000000"))


def post(site, source, key, **members):
    data = b'{"type": "%s"}' % members.get("type", "t").encode()
    answer = site.post("/hooks/" + source, sign.standard(data, key), data)
    assert answer.status == 200, answer
    return answer.json()["id"]


def test_destination_comes_back(site):
    """10 000 events while it is down; all are delivered after."""
    port = free_port()
    site.up(ledger.source(site) + f"""
[route sink]
post = http://127.0.0.1:{port}/in
concurrency = 32
backoff = 1s
backoff_max = 2s
""")
    server = site.server("nginx")
    load = Load(site, server, 10_000, connections=64)
    load.only(200)
    status = site.json_any("status")[0]["routes"][0]
    assert status["delivered"] == 0
    assert sum(status[s] for s in ("pending", "running", "waiting")) == 10_000
    start_sink(site, port)
    until(lambda: settled(site), "every delivery has ended", 60,
          found=lambda: site.json_any("status")[0]["routes"])
    offered, _, _ = load.read()
    got = delivered(site)
    assert set(got) == set(offered)
    for key, runs in got.items():
        assert len(runs) == 1 and runs[0][2] == offered[key], (key, runs)
    site.gateways[0].stop()
    site.workers["local"].stop()
    assert ledger.states(site)["sink"] == {ledger.DELIVERED: 10_000}


@pytest.mark.parametrize("bad", ["hangs", "down", "drips"])
def test_bad_destination_slows_no_other(site, bad):
    """While one destination takes nothing, another gets all its events and
    the intake goes on."""
    stop = []

    def hang(_):
        while not stop:
            time.sleep(0.01)
        return 500
    with_it = Receiver(hang) if bad == "hangs" else None
    sink, port = start_sink(site)
    url = with_it.url if with_it else f"http://127.0.0.1:{free_port()}/"
    if bad == "drips":
        drip = "time.sleep(600)"
        dest = f"run = {site.handler('drip', first=drip)}\ntimeout = 60s"
    else:
        dest = f"post = {url}\ntimeout = 60s"
    site.up(ledger.source(site) + f"""
[route bad]
{dest}
concurrency = 4
backoff = 100ms
backoff_max = 200ms
[route good]
post = http://127.0.0.1:{port}/in
""")
    server = site.server("nginx")
    load = Load(site, server, 3000, connections=64)
    load.only(200)
    until(lambda: len(delivered(site)) == 3000, "3000 deliveries to the good "
          "destination", 30, found=lambda: len(delivered(site)))
    routes = {r["route"]: r for r in site.json_any("status")[0]["routes"]}
    assert routes["bad"]["delivered"] == 0
    stop.append(True)
    site.gateways[0].stop()
    site.workers["local"].signal(9)
    site.workers["local"].wait()
    if with_it:
        with_it.close()


def multiply(site, count):
    """Copies of the one stored event and its delivery, straight into the
    store of a stopped worker; all due long from now."""
    due = int(time.time() * 1000) + 3_600_000
    with closing(site.database(mode="rw")) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        columns = [row[1] for row in db.execute("PRAGMA table_info(event)")]
        change = {"seq": "n.i", "key": "'copy-' || n.i", "body": "x'7b7d'",
                  "body_len": "2",
                  "id": "CAST(printf('%016d', n.i) AS BLOB)"}
        start = db.execute("SELECT max(seq) FROM event").fetchone()[0]
        numbers = ("WITH RECURSIVE n(i) AS (SELECT ? UNION ALL "
                   "SELECT i + 1 FROM n WHERE i < ?) ")
        span = (start + 1, start + count)
        wanted = ", ".join(change.get(c, "e." + c) for c in columns)
        db.execute(f"{numbers}INSERT INTO event SELECT {wanted} "
                   f"FROM n, event e WHERE e.seq = {start}", span)
        columns = [r[1] for r in db.execute("PRAGMA table_info(delivery)")]
        change = {"event": "n.i", "due": str(due)}
        wanted = ", ".join(change.get(c, "d." + c) for c in columns)
        db.execute(f"{numbers}INSERT INTO delivery SELECT {wanted} "
                   f"FROM n, delivery d WHERE d.event = {start}", span)
        db.execute("UPDATE count SET n = n + ? WHERE n = 1 AND state = 2",
                   (count,))


def test_a_million_waiting(site):
    """Intake, another route, lists and status go on as if they were not
    there."""
    sink, port = start_sink(site)
    site.up(ledger.source(site) + f"""
[route bad]
type = bad
post = http://127.0.0.1:{free_port()}/
schedule = 1h 1h
[route good]
type = load.test
post = http://127.0.0.1:{port}/in
""")
    event_id = post(site, "load", "first", type="bad")
    site.wait_state(event_id, "bad", "waiting")
    site.workers["local"].stop()
    multiply(site, MILLION)
    site.worker(timeout=60)
    site.wait_ready()
    server = site.server("nginx")
    load = Load(site, server, 2000, connections=64)
    while load.running():
        routes = {r["route"]: r for r in site.json_any("status")[0]["routes"]}
        assert routes["bad"]["waiting"] == MILLION + 1
        assert len(site.json("events", "--route", "bad", "--limit",
                             "100")) == 100
    load.only(200)
    until(lambda: len(delivered(site)) == 2000, "2000 deliveries", 30,
          found=lambda: len(delivered(site)))


def test_max_pending(site, receiver):
    """Beyond max_pending deliveries of a route die with reason overflow;
    none vanishes."""
    receiver.answer = 500
    site.up(ledger.source(site) + f"""
[route r]
post = {receiver.url}
schedule = 1h
max_pending = 10
""")
    for n in range(15):
        post(site, "load", f"k{n}")
    until(lambda: len(site.dead_files()) >= 4, "dead letters",
          found=site.dead_files)
    routes = site.json_any("status")[0]["routes"][0]
    assert routes["waiting"] + routes["pending"] + routes["running"] + len(
        site.dead_files()) == 15, routes
    for path in site.dead_files():
        assert site.check_letter(path)[0]["reason"] == "overflow"


def test_pause_and_resume(site, receiver):
    site.up(ledger.source(site) + f"[route r]\npost = {receiver.url}\n")
    site.gaff("pause", "r")
    ids = [post(site, "load", f"k{n}") for n in range(5)]
    until(lambda: [site.deliveries(i) for i in ids]
          == [{"r": "pending"}] * 5, "five deliveries wait")
    assert receiver.got() == []
    site.gaff("resume", "r")
    for event_id in ids:
        site.wait_state(event_id, "r", "delivered")


def test_cancel(site, receiver):
    receiver.answer = 500
    site.up(ledger.source(site)
            + f"[route r]\npost = {receiver.url}\nschedule = 1h\n")
    event_id = post(site, "load", "k")
    site.wait_state(event_id, "r", "waiting")
    site.gaff("cancel", "r", "--yes")
    site.wait_state(event_id, "r", "cancelled")


def test_retry_after_is_honoured(site, receiver):
    """429 with Retry-After: not asked again before."""
    receiver.answer = lambda got: (
        (429, {"Retry-After": "2"}) if len(receiver.requests) == 1 else 200)
    site.up(ledger.source(site)
            + f"[route r]\npost = {receiver.url}\nbackoff = 50ms\n")
    event_id = post(site, "load", "k")
    site.wait_state(event_id, "r", "delivered")
    first, second = receiver.got()
    assert second.at - first.at >= 1.9
