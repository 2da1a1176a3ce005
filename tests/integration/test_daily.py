"""Daily work: replay with its safety, forget, backup, refused requests.

Turns red when: a replay takes what is not dead, or more than was asked for;
a forgotten event's bytes stand in a file that gaff owns; a backup lacks an
event that was acknowledged before it; a secret is kept with a refused request.
"""

import json
import os
import shutil
import time
from contextlib import closing

import pytest

from kit import ledger, sign
from kit.wait import until

ROUTE = """
[route {name}]
type = *
post = {url}
"""


def send(site, key, body=None):
    body = body or b'{"key": "%s"}' % key.encode()
    answer = site.post("/hooks/load", sign.standard(body, key), body)
    assert answer.status == 200, answer
    return answer.json()["id"]


def states(site, event_id):
    """route.replay -> state"""
    return {f"{d['route']}.{d['replay']}": d["state"]
            for d in site.show(event_id)["deliveries"]}


def settled(site, event_id, want):
    until(lambda: states(site, event_id) == want, f"{event_id}: {want}",
          found=lambda: states(site, event_id))


# ---- replay ----


@pytest.fixture
def deaths(site, receiver):
    """Four events, each delivered on `good` and dead on `bad`."""
    receiver.answer = 410
    site.handler("ok")
    site.up(ledger.source(site) + ROUTE.format(name="bad", url=receiver.url)
            + f"[route good]\ntype = *\nrun = {site.path('ok')}\n")
    site.ids = [send(site, f"k{n}") for n in range(4)]
    for event_id in site.ids:
        settled(site, event_id, {"bad.0": "dead", "good.0": "delivered"})
    receiver.answer = 200
    return site


def replayed(site):
    """Which deliveries have been begun anew."""
    return sorted(f"{site.ids.index(i)}:{name}" for i in site.ids
                  for name in states(site, i) if not name.endswith(".0"))


def test_replay_takes_dead_ones_only(deaths):
    run = deaths.gaff("replay", "--source", "load", code=2)
    assert b"--yes" in run.stderr and b"4 events" in run.stderr
    assert replayed(deaths) == []
    deaths.gaff("replay", code=2)
    made = deaths.json("replay", "--source", "load", "--limit", "2", "--yes")
    assert made["replayed"] == 2
    assert replayed(deaths) == ["0:bad.1", "1:bad.1"]
    for event_id in deaths.ids[:2]:
        settled(deaths, event_id, {"bad.0": "dead", "bad.1": "delivered",
                                   "good.0": "delivered"})
    made = deaths.json("replay", "--route", "good", "--yes")
    assert made["replayed"] == 0
    made = deaths.json("replay", "--route", "good", "--state", "delivered",
                       "--limit", "1", "--yes")
    assert made["replayed"] == 1
    assert replayed(deaths) == ["0:bad.1", "0:good.1", "1:bad.1"]


def test_replay_has_a_rate(deaths):
    begun = time.monotonic()
    deaths.gaff("replay", "--source", "load", "--rate", "2", "--yes")
    assert time.monotonic() - begun > 1
    assert replayed(deaths) == [f"{n}:bad.1" for n in range(4)]


def test_dead_replay_is_bounded(deaths):
    run = deaths.gaff("dead", "replay", "--route", "bad", code=2)
    assert b"4 dead letters" in run.stderr and b"--yes" in run.stderr
    deaths.gaff("dead", "replay", code=2)
    deaths.gaff("dead", "replay", "--route", "good", "--yes")
    assert replayed(deaths) == []
    begun = time.monotonic()
    deaths.gaff("dead", "replay", "--route", "bad", "--limit", "3", "--rate",
                "2", "--yes")
    assert time.monotonic() - begun > 0.9
    assert replayed(deaths) == ["0:bad.1", "1:bad.1", "2:bad.1"]
    assert len(deaths.dead_files()) == 1
    assert len(os.listdir(deaths.path("dead/replayed"))) == 3


def test_dead_letters_are_held(site, receiver):
    """Over `max` none is written and none lost: status and log say so."""
    receiver.answer = 410
    site.up(ledger.source(site) + ROUTE.format(name="bad", url=receiver.url),
            dead_letter="max = 1M")
    ids = [send(site, f"k{n}", b"x" * 300_000) for n in range(6)]
    site.workers["local"].wait_log("msg=dead_letters_full", 20)
    until(lambda: all(s["bad.0"] in ("dead", "exhausted") for s in
                      (states(site, i) for i in ids)), "all are given up")
    count = [states(site, i)["bad.0"] for i in ids].count("exhausted")
    assert 0 < count < 6
    assert len(site.dead_files()) == 6 - count
    run = site.gaff("status", code=1)
    assert b"could not be written yet" in run.stdout, run.stdout
    event_id = next(i for i in ids if states(site, i)["bad.0"] == "exhausted")
    run = site.gaff("forget", event_id, "--yes", code=1)
    assert b"being written" in run.stderr
    site.gaff("dead", "purge", *(i for i in ids if i != event_id and
                                 states(site, i)["bad.0"] == "dead"), "--yes")
    site.reload(site.workers["local"])
    settled(site, event_id, {"bad.0": "dead"})


# ---- forget ----

CANARY = b"Jane Doe, Canary Wharf 7"


def holders(site, text=CANARY):
    """Files of gaff in which it stands."""
    found = []
    for folder in ("store", "dead"):
        for top, _, names in os.walk(site.path(folder)):
            for name in names:
                with open(os.path.join(top, name), "rb") as f:
                    if text in f.read():
                        found.append(name)
    return found


@pytest.fixture
def known(site, receiver):
    """An event with a canary in body, output and two dead letters."""
    receiver.answer = 410
    site.handler("loud", then="print(body[:80]); sys.exit(100)")
    site.up(ledger.source(site) + ROUTE.format(name="bad", url=receiver.url)
            + f"[route loud]\ntype = *\nrun = {site.path('loud')}\n")
    site.body = b'{"who": "%s"}' % CANARY + b" " * 9000
    site.event_id = send(site, "k1", site.body)
    settled(site, site.event_id, {"bad.0": "dead", "loud.0": "dead"})
    receiver.answer = 200
    site.gaff("dead", "replay", site.event_id, "--route", "bad", "--yes")
    settled(site, site.event_id, {"bad.0": "dead", "bad.1": "delivered",
                                  "loud.0": "dead"})
    return site


def test_forget(known, receiver):
    other = send(known, "k2")
    settled(known, other, {"bad.0": "delivered", "loud.0": "dead"})
    assert len(holders(known)) >= 3
    run = known.gaff("forget", known.event_id[-8:], code=2)
    assert b"--yes" in run.stderr and len(holders(known)) >= 3
    made = known.json("forget", known.event_id[-8:], "--yes")
    assert (made["id"], made["event"]) == (known.event_id, True)
    assert (made["deliveries"], len(made["letters"])) == (3, 2)
    assert holders(known) == []
    known.gaff("show", known.event_id, code=1)
    assert f"msg=forgotten id={known.event_id} deliveries=3\n" in \
        known.workers["local"].log()
    # a copy of the provider's does not bring it back
    count = len(receiver.got())
    answer = known.post("/hooks/load", sign.standard(known.body, "k1"),
                        known.body)
    assert answer.json() == {"status": "duplicate", "id": known.event_id}
    assert holders(known) == [] and len(receiver.got()) == count
    known.gaff("forget", known.event_id, "--yes", code=1)
    assert set(states(known, other)) == {"bad.0", "loud.0"}


def test_forget_what_only_a_letter_has(known):
    """The store has lost it, its letters stand."""
    known.gateways[0].stop()
    known.workers["local"].stop()
    for name in os.listdir(known.path("store")):
        os.unlink(known.path("store/" + name))
    known.worker()
    made = known.json("forget", known.event_id, "--yes")
    assert (made["event"], len(made["letters"])) == (False, 2)
    assert holders(known) == []


def test_forget_waits_for_an_attempt(site):
    """What runs is left alone, what waits ends."""
    site.handler("slow", then="time.sleep(600)")
    site.up(ledger.source(site) + f"[route slow]\ntype = *\n"
            f"run = {site.path('slow')}\ntimeout = 1h\nconcurrency = 1\n",
            worker="stop_after = 1s")
    first, second = send(site, "k1"), send(site, "k2")
    settled(site, first, {"slow.0": "running"})
    settled(site, second, {"slow.0": "pending"})
    run = site.gaff("forget", first, "--yes", code=1)
    assert b"is running" in run.stderr
    made = site.json("forget", second, "--yes")
    assert (made["deliveries"], made["cancelled"]) == (1, 1)
    assert states(site, first) == {"slow.0": "running"}


# ---- backup ----


def test_backup_of_a_busy_store(site, receiver):
    """It has all that was acknowledged before, and is a store."""
    site.up(ledger.source(site) + ROUTE.format(name="good", url=receiver.url))
    server = site.server("lighttpd")
    ids = [send(site, f"first-{n}", b"%d" % n * 20000) for n in range(200)]
    load = ledger.Load(site, server, 3000, rate=300).begun()
    made = site.json("store", "backup", site.path("store/copy.db"))
    assert load.running()
    load.only(200)
    copy = site.path("store/copy.db")
    assert made == {"path": copy, "bytes": os.path.getsize(copy)}
    assert os.stat(copy).st_mode & 0o7777 == 0o600
    assert not os.path.exists(copy + ".tmp")
    for bad in (copy, site.path("nowhere/copy.db"), "copy.db"):
        site.gaff("store", "backup", bad, code=2 if bad[0] != "/" else 1)
    restore(site, copy)
    with closing(site.database()) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    site.worker()
    stored = {e["id"] for e in site.json("events", "--limit", "5000")}
    assert set(ids) <= stored


def restore(site, copy):
    for process in [*site.gateways, site.workers["local"]]:
        process.stop()
    site.gateways.clear()
    for name in os.listdir(site.path("store")):
        if name.startswith("gaff.db") and not name.endswith(".lock"):
            os.unlink(site.path("store/" + name))
    shutil.move(copy, site.path("store/gaff.db"))


def test_copies_after_a_restore(site, receiver):
    """An event newer than the backup is new again; an older one is not."""
    site.up(ledger.source(site) + ROUTE.format(name="good", url=receiver.url))
    old = send(site, "old")
    site.gaff("store", "backup", site.path("store/copy.db"))
    new = send(site, "new")
    restore(site, site.path("store/copy.db"))
    os.unlink(site.listen) if os.path.exists(site.listen) else None
    site.worker()
    site.gateway()
    assert send(site, "old") == old
    assert send(site, "new") != new


# ---- refused requests ----

SOURCES = """
[source github]
scheme = github
secret = {github}
keep_rejected = 2
[source stripe]
scheme = stripe
secret = {stripe}
keep_rejected = 5
[source bearer]
scheme = token
secret = {token}
keep_rejected = 5
[source plain]
scheme = github
secret = {github}
"""


@pytest.fixture
def guarded(site):
    site.up(SOURCES.format(github=site.secret("github", sign.GITHUB),
                           stripe=site.secret("stripe", sign.STRIPE),
                           token=site.secret("token", sign.TOKEN)))
    site.web = site.server("lighttpd")
    return site


def refused(site, source, headers, body):
    """Send it until its copy is kept: one a second is.  Its id."""
    def kept():
        answer = site.web.post(f"/hooks/{source}", headers, body)
        assert answer.status in (401, 400), answer
        request = answer.json()["instance"].removeprefix("urn:uuid:")
        try:
            until(lambda: request in ids(site, source), "it is kept", 0.6)
        except AssertionError:
            return None
        return request
    return until(kept, f"a refused request of {source} is kept", 20)


def ids(site, source=None):
    args = ["--source", source] if source else []
    return [r["id"] for r in site.json("rejected", "list", *args)]


def test_refused_requests_are_kept(guarded):
    body = b'{"a": 1}'
    bad = sign.github(body, "d1", secret="another secret altogether")
    kept = refused(guarded, "github", [*bad, ("Cookie", "c=" + sign.TOKEN),
                                       ("Authorization", sign.TOKEN)], body)
    listed = guarded.json("rejected", "list", "--source", "github")[0]
    assert (listed["id"], listed["status"], listed["reason"]) == (
        kept, 401, "mismatch")
    assert listed["body_bytes"] == len(body) and listed["remote"]
    shown = guarded.gaff("rejected", "show", kept[-8:]).stdout
    assert dict(bad)["X-Hub-Signature-256"].encode() in shown
    assert b"cookie" not in shown and sign.TOKEN.encode() not in shown
    assert guarded.gaff("rejected", "show", kept, "--body").stdout == body
    run = guarded.gaff("verify", "--rejected", kept[-8:], code=1)
    assert b"refused: mismatch: x-hub-signature-256" in run.stdout, run
    for _ in range(2):
        newer = refused(guarded, "github", bad, body)
    assert len(ids(guarded, "github")) == 2 and newer in ids(guarded)
    assert kept not in ids(guarded)
    # its secret was the right one: it is genuine by the new configuration
    guarded.secret("github", "another secret altogether")
    said = guarded.gaff("verify", "--rejected", newer, "--json").stdout
    assert json.loads(said)["verified"] is True
    made = guarded.json("forget", newer, "--yes")
    assert made["rejected"] and newer not in ids(guarded)
    guarded.workers["local"].stop()
    guarded.worker()
    assert ids(guarded) == []


def test_refused_for_their_time(guarded):
    body = b'{"id": "evt_1", "type": "x"}'
    kept = refused(guarded, "stripe",
                   sign.stripe(body, at=time.time() - 3600), body)
    said = json.loads(guarded.gaff("verify", "--rejected", kept, "--json",
                                   code=1).stdout)
    assert said["reason"] == "too_old", said
    # measured at the time it came, not now
    assert -3605_000 < said["skew_ms"] <= -3599_000, said


def test_no_secret_is_kept(guarded):
    wrong = "not-quite-" + sign.TOKEN
    headers = [sign.JSON, ("Authorization", "Bearer " + wrong)]
    kept = refused(guarded, "bearer", headers, b"{}")
    shown = guarded.gaff("rejected", "show", kept, "--json").stdout
    assert json.loads(shown)["headers"]["authorization"] == "-"
    assert wrong.encode() not in shown
    run = guarded.gaff("verify", "--rejected", kept, code=1)
    assert b"refused: bad_token" in run.stdout, run


def test_what_is_not_kept(guarded):
    """Sources that do not ask for it; long bodies whole; a flood."""
    body = b"[" + b"1," * 50000 + b"1]"
    bad = sign.github(body, "d", secret="another secret altogether")
    for source, status in (("plain", 401), ("none", 404)):
        answer = guarded.web.post(f"/hooks/{source}", bad, body)
        assert answer.status == status
    for _ in range(50):
        assert guarded.web.post("/hooks/github", bad, body).status == 401
    kept = refused(guarded, "github", bad, body)
    found = guarded.json("rejected", "list")
    assert {r["source"] for r in found} == {"github"}
    assert found[0]["body_bytes"] == len(body)
    cut = guarded.gaff("rejected", "show", kept, "--body").stdout
    assert cut == body[:65536]
    run = guarded.gaff("verify", "--rejected", kept, code=1)
    assert b"not kept whole" in run.stdout
    guarded.configure(SOURCES.format(
        github=guarded.secret("github", sign.GITHUB),
        stripe=guarded.secret("stripe", sign.STRIPE),
        token=guarded.secret("token", sign.TOKEN)).replace(
            "keep_rejected = 2\n", ""))
    guarded.reload(guarded.workers["local"])
    assert ids(guarded) == []
