"""What people ask a running gaff at 3 a.m.

Turns red when: counts of the last 24 hours do not survive a restart or are
counted twice, status is content with trouble, or a broken gaff.conf keeps the
command line from asking.
"""

import itertools
import json
import re

import pytest

from kit import ledger, sign
from kit.process import Process
from kit.wait import until

ROUTE = "[route r]\npost = {url}\nbackoff = 100ms\n"


def post(site, key, forged=b""):
    data = b'{"key": "%s"}' % key.encode()
    return site.post("/hooks/load", sign.standard(data, key), data + forged)


def one(site):
    return site.json_any("status")[0]


def day_of_source(site, name="load"):
    return one(site)["sources"][name]["day"]


def route_of(site, name="r"):
    return {r["route"]: r for r in one(site)["routes"]}[name]


def wait_day(site, accepted, duplicate, refused):
    until(lambda: day_of_source(site) == {
        "accepted": accepted, "duplicate": duplicate, "refused": refused,
        "unavailable": 0}, "the day's counts of the source", 20,
        found=lambda: day_of_source(site))


def wait_route(site, **numbers):
    until(lambda: numbers.items() <= route_of(site)["day"].items(),
          f"the day's counts of the route: {numbers}", 20,
          found=lambda: route_of(site)["day"])


def say(site, *args, code=1):
    run = site.gaff(*args, code=code)
    return run.stdout.decode() + run.stderr.decode()


@pytest.fixture
def up(site, receiver):
    site.rules = ledger.source(site) + ROUTE.format(url=receiver.url)
    return site.up(site.rules)


def restart(site):
    assert site.workers["local"].stop() == 0
    site.worker()
    site.wait_ready()


def test_counts_of_a_day(up, receiver):
    """They survive the worker's restart and the gateway's death."""
    for key in ("a", "b", "b"):
        assert post(up, key).status == 200
    assert post(up, "c", b" ").status == 401
    wait_day(up, 2, 1, 1)
    wait_route(up, delivered=2, failed=0)
    restart(up)
    wait_day(up, 2, 1, 1)
    wait_route(up, delivered=2, failed=0)
    up.gateways[0].kill()
    up.gateway(name="second")
    assert post(up, "d").status == 200
    assert post(up, "e", b" ").status == 401
    wait_day(up, 3, 1, 2)
    restart(up)
    assert post(up, "f", b" ").status == 401
    wait_day(up, 3, 1, 3)
    wait_route(up, delivered=3, failed=0)


def test_last_failure(up, receiver):
    """The route's last failure with its text; people read it, too."""
    receiver.answer = 500
    event_id = post(up, "a").json()["id"]
    up.wait_state(event_id, "r", "waiting")
    until(lambda: "last_failure" in route_of(up), "a last failure")
    assert route_of(up)["last_failure"]["outcome"] == "status:500"
    receiver.answer = 200
    up.wait_state(event_id, "r", "delivered")
    assert post(up, "b", b" ").status == 401
    wait_day(up, 1, 0, 1)
    text = say(up, "status", code=0)
    for line in (r"worker local +accepting  +up .* config [0-9a-f]{8} ",
                 r"gateways +1 linked, .*/s in, 0 parked",
                 r"queue +0 running  0 waiting  0 held",
                 r"source +24h accepted +refused",
                 r"load +1 +1 +0 +0  .* ago +.* ago  [a-z_]+",
                 r"route +24h delivered +failed +dead",
                 r"r +1 +[0-9]+ +0 +0 +0 +–  status:500"):
        assert re.search(line, text), f"expected: {line}\nfound:\n{text}"


def test_failing_route(up, receiver):
    receiver.answer = 500
    post(up, "a")
    until(lambda: "attempts failed (status:500); gaff events --route r" in
          say(up, "status", code=None), "status tells of the route", 20,
          found=lambda: say(up, "status", code=None))
    up.gaff("status", code=1)


def test_paused_route(up):
    """Said, but no trouble; and gaff resume lets it go on."""
    assert say(up, "pause", "r", code=0) == "route r is paused\n"
    event_id = post(up, "a").json()["id"]
    until(lambda: route_of(up)["pending"] == 1, "a delivery that waits",
          found=lambda: route_of(up))
    text = say(up, "status", code=0)
    assert "note     route r is paused, 1 waiting; gaff resume r" in text
    assert "1 waiting  1 held" in text
    assert say(up, "resume", "r", code=0) == "route r goes on\n"
    up.wait_state(event_id, "r", "delivered")


def test_silent_source(site):
    """A source that nothing came from for silent_after."""
    rules = ledger.source(site)
    site.up(rules.replace("[source load]\n",
                          "[source load]\nsilent_after = 1s\n"))
    until(lambda: "source load: no event for" in
          say(site, "status", code=None), "status misses events",
          found=lambda: say(site, "status", code=None))


def test_gateway_with_another_configuration(up):
    """Skew is told, with who and which."""
    old = one(up)["config"]
    up.configure(up.rules + "[route more]\nrun = /bin/true\n")
    text = say(up, "status")
    assert re.search(r"PROBLEM .*gaff.conf has changed to .*; gaff reload",
                     text), text
    up.reload(up.workers["local"])
    text = say(up, "status")
    new = one(up)["config"]
    assert new != old
    assert f"runs config {old}, worker local {new}; gaff reload" in text
    assert re.search(rf"{old}  <- another configuration\n", text), text
    up.reload(up.gateways[0])
    until(lambda: up.gaff("status", code=None).returncode == 0,
          "status is content again", found=lambda: say(up, "status",
                                                       code=None))


@pytest.fixture
def broken(up):
    up.configure(up.rules + "[route x]\nruns = /bin/true\n")
    return up


def test_broken_configuration(broken):
    """The command line asks all the same, and warns."""
    event_id = post(broken, "a").json()["id"]
    for args in (["status"], ["events"], ["show", event_id], ["pause", "r"],
                 ["resume", "r"], ["dead", "list"]):
        run = broken.gaff(*args, code=args[0] == "status")
        assert b"warning: " in run.stderr and b"faults" in run.stderr, args
    text = say(broken, "status")
    assert re.search("PROBLEM .* faults, no process could start with it; "
                     "gaff check", text), text
    assert "route r: " not in text
    assert json.loads(broken.gaff("status", "--json", code=1).stdout)


# ---- tail ----

def tail(site, *args, name="tail"):
    return Process(name, [f"{site.bin}/gaff", "tail", *args], site.dir,
                   env=site.environment())


def wait_line(process, pattern):
    until(lambda: re.search(pattern, process.log(), re.M),
          f"tail prints {pattern}", 20, found=process.tail)


def begin(site, process):
    """Events until tail has begun, which is with the first one it prints."""
    n = itertools.count()
    until(lambda: post(site, f"first-{next(n)}").status == 200 and
          "delivered" in process.log(), "tail has begun", 20, pause=0.5,
          found=process.tail)


def test_tail(up, receiver):
    """Each event once, then its attempts as they end."""
    process = tail(up)
    begin(up, process)
    receiver.answer = 500
    event_id = post(up, "again").json()["id"]
    short = event_id[-8:]
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    wait_line(process, rf"^{short}  {time}  event      load .* bytes  again$")
    wait_line(process, rf"^{short}  {time}  failed     r  try 1  \d+ms  "
              rf"status:500.*  next {time}$")
    receiver.answer = 410
    wait_line(process, rf"^{short}  {time}  failed     r  try \d+  \d+ms  "
              r"status:410.*  final$")
    wait_line(process, rf"^{short}  {time}  dead       r  try \d+  final$")
    receiver.answer = 200
    event_id = post(up, "good").json()["id"]
    wait_line(process, rf"^{event_id[-8:]}  {time}  delivered  r  try 1  "
              r"\d+ms$")
    lines = process.log().splitlines()
    assert sum(" event " in line and short in line for line in lines) == 1
    assert next(line for line in lines if short in line).find("event") > 0


def test_tail_as_json_of_one_type(up):
    none = tail(up, "--json", "--type", "none.such", name="none")
    all_of_it = tail(up, "--json", "--source", "load")
    begin(up, all_of_it)
    wait_line(all_of_it, '"attempt":1,"state":"delivered"')
    lines = [json.loads(line) for line in all_of_it.log().splitlines()]
    assert {line["source"] for line in lines} == {"load"}
    assert any(line.get("state") == "delivered" for line in lines)
    assert none.log() == ""


# ---- reload ----

def test_reload(up):
    up.configure(up.rules + "[route more]\nrun = /bin/true\n")
    run = up.gaff("reload")
    new = one(up)["config"]
    lines = run.stdout.decode().splitlines()
    assert re.match("PROCESS +HOST +PID +CONFIG", lines[0])
    assert re.fullmatch(
        rf"worker local +here +{up.workers['local'].pid} +{new}", lines[1])
    assert re.fullmatch(
        rf"gateway +\S+ +{up.gateways[0].pid} +{new}", lines[2])
    assert len(lines) == 3
    assert {r["route"] for r in one(up)["routes"]} == {"r", "more"}


def test_reload_with_faults(broken):
    """Every fault is said, and nobody is told."""
    text = say(broken, "reload")
    assert "runs" in text and "nothing was told to read it" in text
    for process in (broken.workers["local"], broken.gateways[0]):
        assert "reload" not in process.log()


def test_reload_that_one_refuses(up):
    """A gateway that cannot read its secret keeps the old one: told so."""
    old = one(up)["config"]
    up.configure(up.rules.replace("[source load]\n", "[source load]\n"
                                  "secret = file:secrets/none\n"))
    run = up.gaff("reload", code=1)
    text = run.stdout.decode()
    assert re.search(rf"gateway .* {old}  told, but keeps the old one: see "
                     "its log", text), text
    assert re.search(r"worker local +here +\d+ +[0-9a-f]{8}\n", text), text
    assert b"not every process here runs" in run.stderr
