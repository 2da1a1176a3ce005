"""The link between gateway and worker, when one of them is not well.

Turns red when: parked requests are not sent again to a new boot
(fcgi/link*.c); a 2xx is given without an ACK; an answer comes later than
answer_within; the worker leaves its sockets open to others.
"""

import os
import signal
import stat
import time

import pytest

from kit import ledger, sign
from kit.ledger import Load
from kit.servers import free_port
from kit.wait import IN_TIME, until

ROUTE = """
[route keep]
run = /bin/true
"""
WITHIN = "answer_within = 2s"


def config(site):
    return ledger.source(site) + ROUTE


def post(site, key, timeout=15):
    data = b'{"type": "t", "key": "%s"}' % key.encode()
    return site.post("/hooks/load", sign.standard(data, key), data,
                     timeout=timeout)


def stop_all(site):
    for gateway in site.gateways:
        gateway.stop()
    for worker in site.workers.values():
        worker.stop()


def test_no_worker_at_all(site):
    """503 with Retry-After within answer_within; ready says so."""
    site.configure(config(site), gateway=WITHIN)
    site.gateway(ready=False)
    site.gateways[0].wait_log("link_down")
    begin = time.monotonic()
    answer = post(site, "early")
    assert answer.status == 503, answer
    assert answer.header("retry-after"), answer.headers
    assert time.monotonic() - begin < IN_TIME
    assert b"unavailable" in answer.body or b"503" in answer.body
    site.worker()
    site.wait_ready()
    assert post(site, "late").status == 200


def test_worker_restarts_quickly(site):
    """Down for less than half of answer_within: nobody sees it."""
    site.up(config(site))
    server = site.server("nginx")
    load = Load(site, server, 1500, rate=300, connections=128).begun()
    for _ in range(2):
        time.sleep(1)
        assert site.workers["local"].stop() == 0
        site.worker()
    load.only(200)
    stop_all(site)
    assert ledger.check([load], ledger.stored(site)) == (1500,) * 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_worker_stays_away(site, how):
    """503 in time while it is gone; whatever it said 200 to is stored."""
    site.up(config(site), gateway=WITHIN)
    server = site.server("nginx")
    load = Load(site, server, 2000, rate=400, connections=256).begun()
    site.workers["local"].signal(how)
    site.workers["local"].wait()
    time.sleep(2.5)
    assert load.running()
    site.worker()
    summary = load.only(200, 503)
    assert summary["answers"].get("503"), summary
    assert summary["max_ms"] < 1000 * IN_TIME, summary
    site.wait_ready()
    assert post(site, "load-after").status == 200
    stop_all(site)
    found = ledger.stored(site)
    del found["load-after"]
    ledger.check([load], found)


def test_frozen_worker(site):
    """SIGSTOP: an answer within answer_within, and all is well once it goes
    on."""
    site.up(config(site), gateway=WITHIN)
    worker = site.workers["local"]
    worker.signal(signal.SIGSTOP)
    begin = time.monotonic()
    answer = post(site, "frozen")
    assert answer.status == 503, answer
    assert time.monotonic() - begin < IN_TIME
    worker.signal(signal.SIGCONT)
    site.wait_ready()
    again = post(site, "frozen")
    assert again.status == 200, again
    assert len([e for e in site.json("events") if e["key"] == "frozen"]) == 1


def test_short_freeze(site):
    """A second's freeze costs nobody an event."""
    site.up(config(site))
    server = site.server("nginx")
    load = Load(site, server, 900, rate=300, connections=512).begun()
    for _ in range(2):
        site.workers["local"].signal(signal.SIGSTOP)
        time.sleep(0.7)
        site.workers["local"].signal(signal.SIGCONT)
        time.sleep(0.3)
    load.only(200)


TWO = """
[log]
to = stderr
[gateway]
answer_within = 4s
[store]
reserve = 16M
[worker one]
data = ipc://{dir}/run/one.data
control = ipc://{dir}/run/one.control
store = sqlite:{dir}/store/one.db
dead_letter = {dir}/dead/one
[worker two]
data = ipc://{dir}/run/two.data
control = ipc://{dir}/run/two.control
store = sqlite:{dir}/store/two.db
dead_letter = {dir}/dead/two
"""


def two_workers(site):
    site.mkdir("dead/one")
    site.mkdir("dead/two")
    site.write("gaff.conf", TWO.format(dir=site.dir) + config(site))
    site.worker("one")
    site.worker("two")
    site.gateway()
    # both links are up: copies of one key go to one store only
    until(lambda: len([1 for n in ("one", "two") if linked(site, n)]) == 2,
          "both workers have a link")


def linked(site, name):
    run = site.gaff("status", "--worker", name, "--json", code=None)
    return b'"pid"' in run.stdout


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM,
                                 signal.SIGSTOP])
def test_failover(site, how):
    """One of two workers is lost: every sender still gets its 2xx."""
    two_workers(site)
    server = site.server("nginx")
    load = Load(site, server, 1500, rate=400, connections=512).begun(200)
    site.workers["one"].signal(how)
    load.only(200)
    site.workers["one"].signal(signal.SIGCONT)
    if how == signal.SIGKILL:  # what it had acknowledged may be in its journal
        site.worker("one")
    stop_all(site)
    one = ledger.stored(site, "store/one.db")
    two = ledger.stored(site, "store/two.db")
    assert one and two, "expected: both workers took events"
    for key in set(one) & set(two):  # a copy after a fail-over: same event
        assert one[key] == two[key]
    ledger.check([load], one, two)


def test_copies_meet_the_same_store(site):
    """(source, key) decides the worker, so a copy is known as one."""
    two_workers(site)
    for n in range(30):
        first = post(site, f"copy-{n}").json()
        again = post(site, f"copy-{n}").json()
        assert (first["status"], again["status"]) == ("accepted", "duplicate")
        assert first["id"] == again["id"]


def test_ipc_modes(site):
    """Gateways' sockets for the group, the admin socket for the owner."""
    site.up(config(site))
    modes = {name: stat.S_IMODE(os.stat(site.path("run/" + name)).st_mode)
             for name in ("data", "control", "admin/local")}
    assert modes == {"data": 0o660, "control": 0o660, "admin/local": 0o600}


def test_link_down_says_why(site):
    """Rights that are wrong are named, with path, owner and mode."""
    site.configure(config(site))
    site.worker()
    os.chmod(site.path("run/control"), 0)
    gateway = site.gateway(ready=False)
    gateway.wait_log("link_down")
    line = [x for x in gateway.log().splitlines() if "link_down" in x][0]
    for part in ("worker=local", "reason=permission_denied",
                 f"path={site.dir}/run/control", "owner=", "mode=", "me="):
        assert part in line, line
    os.chmod(site.path("run/control"), 0o660)
    site.wait_ready(15)


def test_second_worker_on_the_same_sockets(site):
    """Refused, says why, and the first one is not disturbed."""
    site.up(config(site))
    second = site.worker(ready=False)
    assert second.wait() == 1
    assert "another worker" in second.log(), second.log()
    assert post(site, "undisturbed").status == 200


def test_loopback_tcp(site):
    site.configure(config(site))
    with open(site.conf) as f:
        text = f.read()
    for name in ("data", "control"):
        text = text.replace(f"ipc://{site.dir}/run/{name}\n",
                            f"tcp://127.0.0.1:{free_port()}\n")
    site.write("gaff.conf", text)
    site.worker()
    site.gateway()
    server = site.server("nginx")
    load = Load(site, server, 500, connections=16)
    load.only(200)
    site.workers["local"].kill()
    site.worker()
    site.wait_ready(15)
    assert post(site, "load-x").status == 200


def test_gateway_killed(site):
    """kill -9 of a gateway under load: what it said 200 to is stored, and
    the next one goes on."""
    listener = site.listener()
    site.configure(config(site))
    site.worker()
    site.gateway(listener=listener)
    server = site.server("nginx")
    load = Load(site, server, 3000, connections=16, rate=1500,
                retry_ms=20).begun()
    for _ in range(3):
        time.sleep(0.4)
        site.gateways[-1].kill()
        site.gateway(listener=listener)
    summary = load.wait()
    assert summary["abandoned"] == 0, summary
    stop_all(site)
    assert ledger.check([load], ledger.stored(site)) == (3000,) * 3
    listener.close()


def test_web_server_killed(site):
    site.up(config(site))
    server = site.server("lighttpd")
    load = Load(site, server, 1000, connections=16, rate=1000,
                retry_ms=50).begun()
    time.sleep(0.3)
    server.process.kill()
    server.process = server.start()
    assert load.wait()["abandoned"] == 0
    stop_all(site)
    assert ledger.check([load], ledger.stored(site)) == (1000,) * 3


def test_noise_on_the_sockets(site):
    """Strangers on data and control: the worker lives and serves."""
    import socket
    site.up(config(site))
    for name in ("data", "control", "admin/local"):
        for noise in (b"\0" * 1000, b"GET / HTTP/1.0\r\n\r\n",
                      bytes([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]) + b"x" * 90):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(site.path("run/" + name))
                s.sendall(noise)
    assert post(site, "after-noise").status == 200
    assert site.workers["local"].alive()
