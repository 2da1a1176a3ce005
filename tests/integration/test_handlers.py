"""What a handler gets, and handlers that behave badly.

Turns red when: the spawner does not end a process group at exit or timeout
(worker/spawner.c); a handler's standard input is a pipe; its output is not
cut; the worker's or the web server's environment or descriptors leak.
"""

import os
import json
import time

import pytest

from kit import sign
from kit.wait import until

CONFIG = """
[source s]
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


def post(site, **members):
    data = json.dumps(members).encode()
    answer = site.post("/hooks/s", sign.acme(data), data)
    assert answer.status == 200, answer
    return answer.json()["id"]


def config(site, routes):
    return CONFIG.format(secret=site.secret("acme", sign.ACME)) + routes


def last_attempt(site, event_id):
    return site.show(event_id)["deliveries"][0]["attempts"][-1]


def test_surroundings(site):
    """Section 9 of the design: nothing more and nothing less."""
    site.mkdir("work")
    site.up(config(site, f"""
[route r]
run = {site.handler()} --one 'two words' "three"
directory = {site.path("work")}
timeout = 20s
env = SHOP=/srv/shop
env = EMPTY=
"""))
    event_id = post(site, id="k1", type="t")
    run = site.wait_runs(1)[0]
    env = run["env"]
    assert run["argv"] == ["--one", "two words", "three"]
    assert run["cwd"] == site.path("work")
    assert run["umask"] == 0o022
    assert run["policy"] == os.sched_getscheduler(0)
    assert run["fds"] == [0, 1, 2, 3], "3 is listdir's own"
    want = {"GAFF_EVENT_ID": event_id, "GAFF_SOURCE": "s", "GAFF_TYPE": "t",
            "GAFF_KEY": "k1", "GAFF_ROUTE": "r", "GAFF_ATTEMPT": "1",
            "GAFF_REPLAY": "0", "GAFF_FLAGS": "",
            "GAFF_CONTENT_TYPE": "application/json",
            "GAFF_TIMEOUT": "20", "LANG": "C.UTF-8", "SHOP": "/srv/shop",
            "EMPTY": ""}
    assert {name: env.get(name) for name in want} == want
    more = {"GAFF_RECEIVED_AT", "GAFF_HEADERS", "PATH", "HOME", "USER",
            "LOGNAME", "SHELL"}
    assert set(env) - set(want) == more
    assert env["GAFF_RECEIVED_AT"].endswith("Z")
    headers = json.loads(env["GAFF_HEADERS"])
    assert headers["content-type"] == "application/json"
    assert "x-acme-signature" not in headers


def test_policies(site):
    """Every thread of ours lets the one that woke it go on."""
    site.up(config(site, ""))
    for process in site.gateways[0], site.workers["local"]:
        for thread in os.listdir(f"/proc/{process.pid}/task"):
            assert os.sched_getscheduler(int(thread)) == os.SCHED_BATCH


@pytest.mark.skipif(os.geteuid() != 0, reason="choosing SCHED_RR takes root")
def test_a_policy_of_ones_own(site):
    """What the operator chose stays, for each thread."""
    site.configure(config(site, ""))
    usual = os.sched_getscheduler(0)
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # inherited
    try:
        worker = site.worker()
    finally:
        os.sched_setscheduler(0, usual, os.sched_param(0))
    for thread in os.listdir(f"/proc/{worker.pid}/task"):
        assert os.sched_getscheduler(int(thread)) == os.SCHED_RR


@pytest.mark.parametrize("code,state", [
    (0, "delivered"), (100, "dead"), (1, "waiting"), (75, "waiting")])
def test_exit_codes(site, code, state):
    site.up(config(site, f"""
[route r]
run = {site.handler(then=f"sys.exit({code})")}
backoff = 1h
"""))
    event_id = post(site, id="1")
    site.wait_state(event_id, "r", state)
    if code not in (0, 100):
        assert last_attempt(site, event_id)["outcome"] == f"exit:{code}"


def test_bad_handlers(site):
    """One hangs, one forks away, one prints megabytes, one never reads, one
    kills itself, one is missing; a good route beside them works."""
    mark = site.path("alive")
    hang = "import time; time.sleep(600)"
    fork = ("import subprocess\n"
            f"subprocess.Popen(['sh', '-c', 'while :; do echo x >> {mark};"
            " sleep 0.05; done'])\nos._exit(0)")
    routes = {
        "hangs": ("timeout = 1s", hang),
        "forks": ("", fork),
        "prints": ("", "sys.stdout.write('x' * 5_000_000); sys.exit(1)"),
        "deaf": ("", "os._exit(0)"),
        "suicide": ("", "os.kill(os.getpid(), 9)"),
    }
    text = "".join(
        f"[route {name}]\nrun = {site.handler(name, first=code)}\n"
        f"backoff = 1h\n{more}\n" for name, (more, code) in routes.items())
    gone = site.handler("gone")
    text += f"[route gone]\nrun = {gone}\nbackoff = 1h\n"
    text += f"[route good]\nrun = {site.handler('good')}\n"
    site.up(config(site, text))
    os.unlink(gone)
    data = json.dumps({"id": "1", "pad": "x" * 900_000}).encode()
    answer = site.post("/hooks/s", sign.acme(data), data)
    event_id = answer.json()["id"]
    want = {"hangs": "waiting", "forks": "delivered", "prints": "waiting",
            "deaf": "delivered", "suicide": "waiting", "gone": "waiting",
            "good": "delivered"}
    until(lambda: site.deliveries(event_id) == want, f"states {want}", 15,
          found=lambda: site.deliveries(event_id))
    shown = {d["route"]: d["attempts"][-1]["outcome"]
             for d in site.show(event_id)["deliveries"]
             if d["state"] == "waiting"}
    assert shown == {"hangs": "timeout", "prints": "exit:1",
                     "suicide": "signal:9", "gone": "exec_failed"}
    assert site.runs("good")[0]["sha256"] == sign.sha256(data)
    dies_out(mark)


def dies_out(mark):
    """What a handler left behind was ended with its group."""
    def size():
        return os.path.getsize(mark) if os.path.exists(mark) else 0
    before = size()

    def still():
        nonlocal before
        now, was = size(), before
        before = now
        return now == was
    until(still, "nothing writes any more", pause=0.3)
    time.sleep(0.2)
    assert size() == before


def test_handler_ends_with_a_killed_worker(site):
    """kill -9 of the worker: its handlers end, and run again afterwards."""
    mark = site.path("alive")
    site.up(config(site, f"""
[route r]
run = {site.handler(then=f'''
while not os.path.exists({site.path("go")!r}):
    open({mark!r}, "a").write("x"); time.sleep(0.02)''')}
backoff = 500ms
"""))
    event_id = post(site, id="1")
    site.wait_runs(1)
    site.workers["local"].kill()
    dies_out(mark)
    site.write("go", "")
    site.worker()
    site.wait_state(event_id, "r", "delivered")
    attempts = site.show(event_id)["deliveries"][0]["attempts"]
    assert attempts[0]["outcome"] == "unknown", attempts
    assert [r["env"]["GAFF_ATTEMPT"] for r in site.runs()] == ["1", "2"]


def test_timeout_frees_the_slot(site):
    """concurrency = 1 and a handler that hangs: the next event comes to its
    turn."""
    site.up(config(site, f"""
[route r]
run = {site.handler(then='''
if b"hang" in body: time.sleep(600)''')}
timeout = 1s
concurrency = 1
backoff = 1h
"""))
    first = post(site, id="hang")
    second = post(site, id="next")
    site.wait_state(second, "r", "delivered")
    assert last_attempt(site, first)["outcome"] == "timeout"


def test_post_is_signed(site, receiver):
    """A `post` carries the body, its type, headers and a signature that a
    receiver can check."""
    site.up(config(site, f"""
[route r]
post = {receiver.url}
sign = standard-webhooks
sign_secret = {site.secret("mirror", sign.STANDARD)}
"""))
    data = b'{"id": "1",  "type": "t"}\n'
    answer = site.post("/hooks/s", sign.acme(data) + [("X-Other", "o")], data)
    event_id = answer.json()["id"]
    got = until(receiver.got, "a delivery")[0]
    assert got.body == data
    assert sign.verify_standard(got.headers, data)
    want = {"webhook-id": event_id, "content-type": "application/json",
            "gaff-source": "s", "gaff-type": "t", "gaff-key": "1",
            "gaff-attempt": "1", "x-other": "o"}
    assert {k: got.headers.get(k) for k in want} == want
    assert "x-acme-signature" not in got.headers
    assert "expect" not in got.headers
    site.wait_state(event_id, "r", "delivered")


@pytest.mark.parametrize("status,state,outcome", [
    (200, "delivered", None), (204, "delivered", None),
    (410, "dead", "status:410"), (500, "waiting", "status:500"),
    (404, "waiting", "status:404"), (302, "waiting", "redirect")])
def test_post_answers(site, receiver, status, state, outcome):
    where = {"Location": receiver.url + "/elsewhere"} if status == 302 else {}
    receiver.answer = (status, where)
    site.up(config(site, f"""
[route r]
post = {receiver.url}
backoff = 1h
"""))
    event_id = post(site, id="1")
    site.wait_state(event_id, "r", state)
    if outcome:
        assert last_attempt(site, event_id)["outcome"] == outcome
    assert len(receiver.got()) == 1


def test_retries_until_it_works(site, receiver):
    """Fails three times, then works: four attempts, the same id."""
    receiver.answer = lambda got: 200 if len(receiver.requests) > 3 else 500
    site.up(config(site, f"""
[route r]
post = {receiver.url}
schedule = 50ms 50ms 50ms 50ms 50ms
"""))
    event_id = post(site, id="1")
    site.wait_state(event_id, "r", "delivered")
    got = receiver.got()
    assert [g.headers["gaff-attempt"] for g in got] == ["1", "2", "3", "4"]
    assert {g.headers["webhook-id"] for g in got} == {event_id}
    outcomes = [a["outcome"]
                for a in site.show(event_id)["deliveries"][0]["attempts"]]
    assert outcomes[:3] == ["status:500"] * 3


def test_looping_filter(site):
    """A filter without end: its event's delivery dies, others go on."""
    site.up(config(site, f"""
[route loops]
type = loop
filter = def f: f; f
run = {site.handler("loops")}
[route good]
run = {site.handler("good")}
"""))
    looping = post(site, id="1", type="loop")
    site.wait_state(looping, "good", "delivered")
    after = post(site, id="2", type="other")
    site.wait_state(after, "good", "delivered")
    site.wait_state(looping, "loops", "dead", timeout=30)
    assert site.runs("loops") == []


def test_filters(site):
    site.up(config(site, f"""
[route main]
filter = .ref == "refs/heads/main" and $type == "push"
run = {site.handler()}
[route broken]
type = bad
filter = .n | keys
run = {site.handler()}
"""))
    yes = post(site, id="1", type="push", ref="refs/heads/main")
    no = post(site, id="2", type="push", ref="refs/heads/dev")
    bad = post(site, id="3", type="bad", n=1)
    site.wait_state(yes, "main", "delivered")
    site.wait_state(bad, "broken", "dead")
    assert site.deliveries(no) == {}
    unmatched = site.json("events", "--state", "unmatched")
    assert [e["id"] for e in unmatched] == [no]
