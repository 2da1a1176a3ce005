"""What the programs log, and where it goes.

Turns red when: a line's fields or their order differ from what is promised;
one is no JSON; a spawned gateway writes into lighttpd's file; refusals are not
limited (shared/log.c, fcgi/gate.c, worker/flights.c, worker/deadletters.c).
"""

import json
import os
import re
import signal

from kit import sign
from kit.syslog import Syslog
from kit.wait import until

CONFIG = """
[source hub]
scheme = github
secret = {secret}

[route good]
source = hub
type = good
run = /bin/true

[route again]
source = hub
type = again
run = {again}
backoff = 100ms

[route lost]
source = hub
type = lost
run = /bin/sh -c 'echo "no \\"luck\\"" >&2; exit 100'
"""

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
AT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
LINES = {
    "accepted": rf"level=info msg=accepted id={ID} source=hub type=good "
                r"key=hub-1 bytes=2 remote=127\.0\.0\.1 worker=local "
                r"ms=\d+\.\d",
    "duplicate": rf"level=info msg=duplicate id={ID} source=hub type=good "
                 r"key=hub-1 bytes=2 remote=127\.0\.0\.1 worker=local "
                 r"ms=\d+\.\d",
    "refused": rf"level=warn msg=refused id={ID} source=hub status=401 "
               r"reason=mismatch where=\S+ remote=127\.0\.0\.1 bytes=2 "
               r"secrets_tried=1",
    "unavailable": rf"level=error msg=unavailable id={ID} source=hub "
                   r"status=503 reason=no_worker waited=\d+\.\ds parked=\d+",
    "delivered": rf"level=info msg=delivered id={ID} route=good attempt=1 "
                 r"ms=\d+",
    "failed": rf"level=warn msg=failed id={ID} route=again attempt=1 "
              rf'outcome=exit:1 ms=\d+ next={AT} last="not yet"',
    "dead": rf"level=error msg=dead id={ID} route=lost attempts=1 "
            rf"reason=final file=\d{{4}}-\d\d-\d\d/{ID}\.lost\.0\.dead",
}


def configure(site, log="to = auto\n", **more):
    again = site.write("again", "#!/bin/sh\n[ $GAFF_ATTEMPT = 2 ] && exit\n"
                       "echo not yet >&2\nexit 1\n", 0o755)
    path = site.configure(CONFIG.format(
        secret=site.secret("hub", sign.GITHUB), again=again), **more)
    with open(path) as f:
        text = f.read()
    site.write("gaff.conf", text.replace("to = stderr\n", log))


def post(site, number, kind="good", secret=sign.GITHUB):
    return site.post("/hooks/hub", sign.github(
        b"{}", f"hub-{number}", kind, secret), b"{}").status


def lines(process, msg):
    return [line for line in process.log().splitlines()
            if f"msg={msg} " in line + " " or f'"msg":"{msg}"' in line]


def everything(site):
    """One of each line; returns the process that says it, by msg."""
    worker, gateway = site.workers["local"], site.gateways[0]
    assert post(site, 1) == 200
    assert post(site, 1) == 200
    assert post(site, 2, secret="another secret") == 401
    assert post(site, 3, "again") == 200
    assert post(site, 4, "lost") == 200
    for msg, number in (("delivered", 2), ("failed", 2), ("dead", 1)):
        until(lambda: len(lines(worker, msg)) >= number,
              f"{number} lines {msg}", 20, found=worker.tail)
    assert worker.stop() == 0
    assert post(site, 5) == 503
    until(lambda: lines(gateway, "unavailable"), "a line unavailable",
          found=gateway.tail)
    says = {msg: worker for msg in ("delivered", "failed", "dead")}
    return {msg: says.get(msg, gateway) for msg in LINES}


def test_text(site):
    configure(site, gateway="answer_within = 1s")
    site.up()
    for msg, process in everything(site).items():
        found = lines(process, msg)
        assert any(re.fullmatch(LINES[msg], line) for line in found), (
            f"expected: {LINES[msg]}\nfound: {found or process.tail()}")
    last = lines(site.workers["local"], "failed")
    assert any(r'last="no \"luck\""' in line and "next=" not in line
               for line in last), last


def test_json(site):
    """The same names in the same order."""
    configure(site, "to = auto\nformat = json\n", gateway="answer_within = 1s")
    site.worker(ready=False).wait_log('"msg":"accepting"')
    site.gateway()
    for msg, process in everything(site).items():
        names = ["level", "msg"] + re.findall(r" (\w+)=", re.sub(
            "^level=.* msg=", "", LINES[msg]))
        found = [list(json.loads(line)) for line in lines(process, msg)]
        assert names in found, f"expected: {names}\nfound: {found}"
    for process in (site.workers["local"], site.gateways[0]):
        for line in process.log().splitlines():
            record = json.loads(line)
            assert re.fullmatch("[a-z0-9]+(_[a-z0-9]+)*", record["msg"]), line
            assert isinstance(record.get("ms", 0), (int, float)), line


def test_limited(site):
    """Ten a minute of a source and reason, and what was left out."""
    configure(site)
    site.up()
    for i in range(60):
        assert post(site, i, secret="another secret") == 401
        assert site.post("/hooks/nobody", [], b"").status == 404
    gateway = site.gateways[0]
    assert post(site, 99) == 200
    gateway.wait_log("msg=accepted")
    refused = lines(gateway, "refused")
    assert len([x for x in refused if "reason=mismatch" in x]) == 10, refused
    assert len([x for x in refused if "reason=no_source" in x]) == 10, refused
    assert gateway.stop() == 0
    assert ("level=warn msg=refused source=hub status=401 reason=mismatch "
            "suppressed=50 since=60s") in lines(gateway, "refused")


def spawned(site, **more):
    configure(site)
    site.worker()
    return site.server("lighttpd-spawn", **more)


def send(server, number, status=200):
    headers = sign.github(b"{}", f"hub-{number}", "good")
    until(lambda: server.post("/hooks/hub", headers, b"{}").status == status,
          f"lighttpd's gateway answers {status}", 15)


def test_spawned_with_a_file(site):
    """lighttpd -D with a breakagelog: the gateway uses syslog, and a rotation
    takes nothing with it."""
    log = Syslog(site)
    path = site.path("breakage.log")
    server = spawned(site, wrap=log.wrap,
                     more=f'server.breakagelog = "{path}"')
    send(server, 1)
    found = until(lambda: log.having("gaff.fcgi[", "msg=accepted"),
                  "a line in syslog", found=lambda: log.lines)
    assert found[0].startswith("<30>"), found  # daemon.info
    assert os.path.exists(path)
    os.rename(path, path + ".1")
    server.process.signal(signal.SIGHUP)
    until(lambda: os.path.exists(path), "lighttpd opens a new file")
    send(server, 2)
    until(lambda: log.having("gaff.fcgi[", "key=hub-2"), "a second line",
          found=lambda: log.lines)
    for name in (path, path + ".1"):
        with open(name) as f:
            assert "msg=" not in f.read()


def test_spawned_with_a_pipe(site):
    """lighttpd -D under a service manager: standard error is a pipe."""
    server = spawned(site)
    send(server, 1)
    server.process.wait_log("msg=accepted")
