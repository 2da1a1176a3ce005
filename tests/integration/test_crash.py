"""kill -9 and the ledger (promises 1, 4, 5, 6).

Turns red when: an ACK leaves before its commit (worker/intake.c); the key is
looked up outside the transaction (worker/store_sqlite*.c); the rows of the
routing step are not committed with the mark that the event is routed; a
`running` delivery of an earlier life is not taken up at start.
"""

import os
import random
import time

from kit import ledger, sign
from kit.ledger import Load
from kit.process import Process, whole_lines
from kit.wait import until

ROUNDS = int(os.environ.get("GAFF_ROUNDS", "25"))
EVENTS = int(os.environ.get("GAFF_EVENTS", "50000"))


def start_sink(site, port=0):
    sink = Process("sink", [f"{site.bin}/sink", site.path("sink.out"),
                            str(port)], site.dir)
    sink.wait_log("\n")
    return sink, int(sink.log().split()[0])


def delivered(site):
    """(id, attempt, SHA-256) by key, of what the sink got."""
    found = {}
    try:
        lines = whole_lines(site.path("sink.out")).decode().splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        key, event_id, attempt, digest = line.split()
        found.setdefault(key, []).append((event_id, attempt, digest))
    return found


def settled(site):
    """Nothing is open any more."""
    routes = site.json_any("status")[0]["routes"]
    return all(r[s] == 0 for r in routes
               for s in ("pending", "running", "waiting", "exhausted"))


def test_killed_worker_loses_nothing(site):
    """25 kills, 50 000 events, copies among them: every 2xx is stored with
    its bytes, every event is delivered, nothing else is stored."""
    sink, port = start_sink(site)
    site.up(ledger.source(site) + f"""
[route sink]
post = http://127.0.0.1:{port}/in
concurrency = 32
backoff = 100ms
backoff_max = 500ms
""")
    server = site.server("nginx")
    chance = random.Random(1)
    loads = []
    for n in range(ROUNDS):
        load = Load(site, server, EVENTS // ROUNDS, prefix=f"r{n}",
                    connections=64, retry_ms=20)
        loads.append(load)
        time.sleep(chance.uniform(0.1, 0.9))
        site.workers["local"].kill()
        site.worker()
        if n % 3 == 2:  # a second kill right behind the start
            site.workers["local"].kill()
            site.worker()
        summary = load.wait()
        assert summary["abandoned"] == 0, summary
    until(lambda: settled(site), "every delivery has ended", 60,
          found=lambda: site.json_any("status")[0]["routes"])
    site.gateways[0].stop()
    site.workers["local"].stop()
    found = ledger.stored(site)
    assert ledger.check(loads, found) == (EVENTS,) * 3
    assert ledger.states(site)["sink"] == {ledger.DELIVERED: EVENTS}
    got = delivered(site)
    assert set(got) == set(found)
    for key, runs in got.items():
        assert {(i, d) for i, _, d in runs} == {found[key]}, (key, runs)
    twice = sum(len(runs) - 1 for runs in got.values())
    # only what was under way or claimed ahead when a worker died
    assert twice <= (ROUNDS + ROUNDS // 3) * (32 + 512), twice


def test_killed_right_after_the_answer(site):
    """Acknowledged, perhaps not yet routed: the delivery is made."""
    sink, port = start_sink(site)
    site.up(ledger.source(site) + f"""
[route sink]
post = http://127.0.0.1:{port}/in
backoff = 50ms
""")
    for n in range(20):
        data = b'{"n": %d}' % n
        answer = site.post("/hooks/load", sign.standard(data, f"k{n}"), data)
        site.workers["local"].kill()
        assert answer.status == 200, answer
        site.worker()
    until(lambda: len(delivered(site)) == 20, "twenty deliveries",
          found=lambda: sorted(delivered(site)))


def test_killed_between_commit_and_routing(site):
    """A filter without end holds the routing step up; the worker is killed
    there; the events behind it are routed and run by the next one."""
    first = f"""
[route filtered]
filter = {{}}
run = {site.handler()}
"""
    text = ledger.source(site) + first
    site.up(text.format("def f: f; f"))
    ids = []
    for n in range(5):
        data = b'{"n": %d}' % n
        answer = site.post("/hooks/load", sign.standard(data, f"k{n}"), data)
        assert answer.status == 200, answer
        ids.append(answer.json()["id"])
    site.workers["local"].kill()
    assert site.runs() == []
    site.configure(text.format(".n >= 0"))
    site.worker()
    for event_id in ids[1:]:
        site.wait_state(event_id, "filtered", "delivered")
    # the first may have met the endless filter's time limit before the kill
    until(lambda: site.deliveries(ids[0]).get("filtered") in (
        "delivered", "dead"), "the first has ended")


def test_copies_after_a_crash(site):
    """A sender that repeats what it got no answer for: stored once."""
    site.up(ledger.source(site) + "[route keep]\nrun = /bin/true\n")
    for n in range(15):
        data = b'{"n": %d}' % n
        headers = sign.standard(data, f"k{n}")
        first = site.post("/hooks/load", headers, data)
        site.workers["local"].kill()
        site.worker()
        again = site.post("/hooks/load", headers, data)
        assert (first.status, again.status) == (200, 200)
        assert again.json()["status"] == "duplicate"
        assert again.json()["id"] == first.json()["id"]
    site.gateways[0].stop()
    site.workers["local"].stop()
    assert len(ledger.stored(site)) == 15


def test_killed_while_dead_letters_are_written(site, receiver):
    """Each given-up delivery is one complete file in the end."""
    receiver.answer = 410
    site.up(ledger.source(site) + f"""
[route gone]
post = {receiver.url}
backoff = 50ms
""")
    server = site.server("nginx")
    load = Load(site, server, 600, connections=16, retry_ms=20)
    for _ in range(6):
        time.sleep(0.25)
        site.workers["local"].kill()
        site.worker()
    load.wait()
    until(lambda: settled(site), "every delivery has ended", 30)
    files = site.dead_files()
    # A copy, sent again after a 503, begins what is dead once more: that
    # replay has a letter of its own.
    first = [path for path in files if path.endswith(".gone.0.dead")]
    assert len(first) == 600
    dead = site.json_any("status")[0]["routes"][0]["dead"]
    assert len(files) == dead
    for path in files:
        site.check_letter(path)
    left = [n for _, _, names in os.walk(site.path("dead")) for n in names]
    assert sorted(n for n in left if n != ".lock") == sorted(
        os.path.basename(path) for path in files)
