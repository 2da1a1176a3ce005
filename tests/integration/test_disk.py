"""A full disk (promise 8): 503 in time, nothing acknowledged is lost, and
it goes on by itself once there is room.

The store stands on a tmpfs of 24 MB in a mount namespace of its own, which
any user may make.  Turns red when: the watermark (`reserve`) is not looked
at; a STORE_FULL of a commit is acknowledged; a store that was drained does
not count its free pages.
"""

import os
import subprocess
import time

from kit import ledger, sign
from kit.ledger import Load
from kit.process import as_user, program
from kit.wait import IN_TIME, until

MOUNT = 'mount -t tmpfs -o size=24m,mode=0777 tmpfs "$1" && shift && exec "$@"'


def wrap(site, where="store"):
    return [program("unshare"), "-Urm", "sh", "-c", MOUNT, "sh",
            site.path(where)]


def take_all(site, name):
    """Use up what room there is; returns the file, as the worker sees it.
    Only the user the worker runs as may write there."""
    path = f"/proc/{site.workers['local'].pid}/root{site.path(name)}"
    run = subprocess.run(["dd", "if=/dev/zero", "of=" + path, "bs=4k"],
                         capture_output=True, **as_user())
    assert b"No space left" in run.stderr, run
    return path


def give_back(path):
    subprocess.run(["rm", path], check=True, **as_user())


def post(site, key, size=100):
    data = b'{"type": "t", "pad": "%s"}' % (b"x" * size)
    return site.post("/hooks/load", sign.standard(data, key), data)


def start(site, routes, keep="1s"):
    site.configure(ledger.source(site) + routes,
                   gateway="answer_within = 2s", store=f"keep_delivered = {keep}",
                   reserve="8M")
    site.worker(wrap=wrap(site))
    site.gateway()


def fill(site, size=60_000):
    """Post until it says 503; the keys that were taken."""
    taken = []
    for n in range(400):
        answer = post(site, f"fill-{n}", size)
        if answer.status == 503:
            return taken
        assert answer.status == 200, answer
        taken.append(f"fill-{n}")
    raise AssertionError("expected: the store fills up")


def test_full_disk(site):
    """Filled by webhooks: refused, kept, then accepted again."""
    # root's home, which this namespace believes to be its own, is closed
    start(site, f"[route keep]\nrun = {site.handler()}\n"
          f"directory = {site.dir}\n")
    site.gaff("pause", "keep")
    taken = fill(site)
    assert len(taken) > 20
    worker = site.workers["local"]
    assert worker.alive(), worker.tail()
    for n in range(3):
        begin = time.monotonic()
        answer = post(site, f"more-{n}")
        assert time.monotonic() - begin < IN_TIME
        # a log that is emptied may give back the room for it
        assert answer.status in (200, 503), answer
        taken += [f"more-{n}"] if answer.status == 200 else []
    stored = {e["key"] for e in site.json("events", "--limit", "1000")}
    assert set(taken) <= stored
    until(lambda: site.gaff("resume", "keep", code=None).returncode == 0,
          "the route goes on", 10)
    runs = site.wait_runs(len(taken), timeout=60)
    assert {r["env"]["GAFF_KEY"] for r in runs} >= set(taken)
    until(lambda: post(site, f"again-{time.monotonic()}").status == 200,
          "it accepts again, in the same process", 30, pause=0.2,
          found=lambda: (worker.tail(5), worker.alive()))
    assert worker.alive()


def test_disk_filled_by_somebody_else(site):
    """Room taken from outside, then given back."""
    start(site, "[route keep]\nrun = /bin/true\n", keep="1d")
    assert post(site, "before").status == 200
    hog = take_all(site, "store/hog")
    until(lambda: post(site, f"full-{time.monotonic()}").status == 503,
          "503 on a full disk", 10, pause=0.1)
    give_back(hog)
    until(lambda: post(site, f"free-{time.monotonic()}").status == 200,
          "200 once there is room", 15, pause=0.1,
          found=lambda: site.workers["local"].tail(5))
    assert "before" in {e["key"] for e in site.json("events")}


def test_full_under_load(site):
    """No answer but 200 and 503 while it fills; what got 200 is there."""
    start(site, "[route keep]\nrun = /bin/true\n")
    site.gaff("pause", "keep")
    server = site.server("nginx")
    load = Load(site, server, 1500, connections=512, body=20_000)
    summary = load.only(200, 503)
    assert set(summary["answers"]) == {"200", "503"}, summary
    assert summary["max_ms"] < 1000 * IN_TIME, summary
    offered, answered, _ = load.read()
    accepted = {k for k, s in answered.items() if s == 200}
    stored = {e["key"] for e in site.json("events", "--limit", "5000")}
    assert accepted <= stored
    assert stored <= set(offered)


def test_dead_letters_have_no_room(site, receiver):
    """A dead letter that cannot be written stays in the store, and is
    written once there is room."""
    receiver.answer = 410
    site.configure(ledger.source(site)
                   + f"[route gone]\npost = {receiver.url}\n")
    site.worker(wrap=wrap(site, "dead"))
    site.gateway()
    hog = take_all(site, "dead/hog")
    answer = post(site, "letter", 50_000)
    event_id = answer.json()["id"]
    site.wait_state(event_id, "gone", "exhausted")
    until(lambda: "level=error" in site.workers["local"].log(),
          "an error is logged")
    give_back(hog)
    site.wait_state(event_id, "gone", "dead", timeout=60)


def test_log_is_copied_when_nothing_comes(site):
    """Beside events the store's log grows; then they go where they stay."""
    site.up(ledger.source(site))
    server = site.server("lighttpd")
    Load(site, server, 1000, connections=16, body=2048).wait()
    until(lambda: os.path.getsize(site.path("store/gaff.db")) > 2_000_000,
          "the log is copied", found=lambda: os.listdir(site.path("store")))
    until(lambda: not os.path.getsize(site.path("store/gaff.db-wal")),
          "its place is given back")
