"""gaff-run: what it starts, as whom, and what it refuses.  Takes root.

Turns red when: a program runs as root, as the worker, or with groups of theirs;
a request can name a program, a variable or a user; a configuration counts that
others than root can change; a body is anything but sealed memory; what was
started outlives the worker.
"""

import fcntl
import json
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

import pytest

from kit import sign
from kit.process import Process, command
from kit.wait import until

START, KILL, RELOAD = range(3)
PROGRAM, DIRECTORY, USER, REFUSED = range(4)
MALFORMED, BAD_BODY, NO_ROUTE = 1, 2, 3
HEAD, FACTS, END = struct.Struct("QI4x"), struct.Struct("qIIQ16s"), \
    struct.Struct("qqiiiB3x")
SEALS = (fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE |
         fcntl.F_SEAL_SEAL)
SHOP = pwd.getpwnam("games")  # whom handlers run as; its gid is another number
GAFF = pwd.getpwnam("www-data")  # whom the worker becomes

REPORT = """#!/usr/bin/python3 -ISs
import json, os, sys
print(json.dumps({
    "uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups(),
    "env": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv[1:],
    "fds": sorted(int(n) for n in os.listdir("/proc/self/fd")),
    "caps": [line.split()[1] for line in open("/proc/self/status")
             if line.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb"))],
    "body": sys.stdin.read()}))
"""


@pytest.fixture
def etc():
    """A directory that is root's, with programs anybody can run."""
    path = tempfile.mkdtemp(prefix="gaff-etc.", dir="/tmp")
    os.chmod(path, 0o755)
    write(f"{path}/report", REPORT, 0o755)
    yield path
    shutil.rmtree(path)


def write(path, text, mode=0o644):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)
    return path


def config(etc, routes, name="gaff.conf"):
    return write(f"{etc}/{name}", f"""
[log]
to = stderr
[worker local]
user = {GAFF.pw_name}
{routes}""")


def route(etc, name="r", more="", run=None, user=SHOP.pw_name):
    return f"""
[route {name}]
run = {run or etc + "/report one 'two words'"}
user = {user}
{more}
"""


def script(etc, text, name="script"):
    return write(f"{etc}/{name}", "#!/bin/sh\n" + text, 0o755)


opened = []  # sockets of Runs: gaff-run ends with its socket


@pytest.fixture(autouse=True)
def close_sockets(site):
    yield
    while opened:
        opened.pop().close()


class Run:
    """gaff-run, and a worker that says to it whatever a test wants."""

    def __init__(self, site, path):
        self.socket, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        opened.append(self.socket)
        self.process = Process("gaff-run", [f"{site.bin}/gaff-run", path],
                               site.dir, stdin=theirs, root=True)
        theirs.close()
        self.id = 0

    def ready(self):
        assert self.end()["id"] == 0
        return self

    def end(self):
        """The next END; {} at the end of file."""
        data = self.socket.recv(200000)
        if not data:
            return {}
        number, ms, status, error, step, late = END.unpack(data[:END.size])
        return {"id": number, "ms": ms, "status": status, "error": error,
                "step": step, "timed_out": bool(late),
                "output": data[END.size:].decode()}

    def send(self, kind, rest=b"", fds=(), number=None):
        self.id += 1
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                   b"".join(struct.pack("i", fd) for fd in fds))]
        self.socket.sendmsg([HEAD.pack(number or self.id, kind), rest],
                            rights if fds else [])
        return self.id

    def start(self, rest, fd=None):
        own = body() if fd is None else fd
        number = self.send(START, rest, [own])
        if fd is None:
            os.close(own)
        return number

    def ask(self, rest, fd=None):
        """START, and its END."""
        number = self.start(rest, fd)
        end = self.end()
        assert end["id"] == number
        return end

    def report(self, rest):
        end = self.ask(rest)
        assert (end["status"], end["error"]) == (0, 0), end
        return json.loads(end["output"])

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@pytest.fixture
def run(site, etc):
    """gaff-run with the usual routes."""
    config(etc, route(etc, more="env = TOKEN=own\ntimeout = 20s") + f"""
[route plain]
run = {etc}/report
[route url]
post = http://127.0.0.1:9/
""")
    return Run(site, f"{etc}/gaff.conf").ready()


def body(text=b"the body", seals=SEALS):
    fd = os.memfd_create("body", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, text)
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def facts(name="r", at=1795318480123, attempt=3, source="github", type="push",
          key="k-1", headers='{"x-one":"1"}', flags=2, tail=b""):
    texts = (name, source, type, key, "application/json", headers)
    return FACTS.pack(at, attempt, 1, flags, bytes(range(16))) + b"".join(
        t.encode() + b"\0" for t in texts) + tail


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
                    if ":\t" in line)


# ---- gaff-run itself ----

def test_starts_as_the_user(run, etc):
    said = run.report(facts())
    assert said["uids"] == [SHOP.pw_uid] * 3
    assert said["gids"] == [SHOP.pw_gid] * 3
    assert sorted(said["groups"]) == sorted(
        os.getgrouplist(SHOP.pw_name, SHOP.pw_gid))
    assert said["caps"] == ["0" * 16] * 4
    assert said["argv"] == ["one", "two words"]
    assert said["fds"] == [0, 1, 2, 3], "3 is listdir's own"
    assert said["body"] == "the body"
    assert said["cwd"] in (SHOP.pw_dir, "/")
    env = said["env"]
    want = {
        "HOME": SHOP.pw_dir, "USER": SHOP.pw_name, "LOGNAME": SHOP.pw_name,
        "SHELL": SHOP.pw_shell, "LANG": "C.UTF-8", "TOKEN": "own",
        "GAFF_EVENT_ID": "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "GAFF_SOURCE": "github", "GAFF_TYPE": "push", "GAFF_KEY": "k-1",
        "GAFF_ROUTE": "r", "GAFF_ATTEMPT": "3", "GAFF_REPLAY": "1",
        "GAFF_FLAGS": "replayed_body",
        "GAFF_RECEIVED_AT": "2026-11-22T03:34:40.123Z", "GAFF_TIMEOUT": "20",
        "GAFF_CONTENT_TYPE": "application/json",
        "GAFF_HEADERS": '{"x-one":"1"}'}
    assert {name: env.get(name) for name in want} == want
    assert set(env) - set(want) == {"PATH"}


def test_keeps_few_rights(run):
    own = status(run.process.pid)
    kill_setgid_setuid = f"{0b111 << 5:016x}"
    assert own["CapEff"] == own["CapPrm"] == kill_setgid_setuid
    assert own["CapInh"] == own["CapAmb"] == "0" * 16
    assert own["Groups"].split() == []


FORGED = {
    "no such route": (facts("other"), NO_ROUTE),
    "a route without user": (facts("plain"), NO_ROUTE),
    "a route that posts": (facts("url"), NO_ROUTE),
    "nothing": (b"", MALFORMED),
    "cut": (facts()[:-1], MALFORMED),
    "a program behind it": (facts(tail=b"/bin/sh\0"), MALFORMED),
    "a variable in the source": (facts(source="x\nLD_PRELOAD=/x"), MALFORMED),
    "a long route": (facts("r" * 65), MALFORMED),
    "a long type": (facts(type="x" * 257), MALFORMED),
    "headers that are none": (facts(headers="[]"), MALFORMED),
    "headers that go on": (facts(headers='{} {"a":"b"}'), MALFORMED),
    "attempt 0": (facts(attempt=0), MALFORMED),
    "flags that nobody knows": (facts(flags=4), MALFORMED),
    "a time before all time": (facts(at=-1), MALFORMED),
    "a time after all time": (facts(at=1 << 62), MALFORMED),
    # what the worker's own spawner understands
    "an argument list": (struct.pack("qII", 0, 2, 0) + b"/bin/sh\0/\0sh\0-c\0",
                         MALFORMED),
}


@pytest.mark.parametrize("what", FORGED)
def test_refuses(run, what):
    request, why = FORGED[what]
    end = run.ask(request)
    assert (end["step"], end["error"], end["output"]) == (REFUSED, why, "")
    assert run.report(facts())["uids"] == [SHOP.pw_uid] * 3


def other_descriptors(etc):
    path = write(f"{etc}/file", "x")
    left, right = socket.socketpair()
    reading, writing = os.pipe()
    return {
        "a directory": os.open("/etc", os.O_RDONLY),
        "a path alone": os.open(path, os.O_PATH),
        "a file of root's": os.open(path, os.O_RDONLY),
        "a file to write to": os.open(path, os.O_WRONLY),
        "a device": os.open("/dev/null", os.O_RDWR),
        "memory that may change": body(seals=0),
        "memory that may grow": body(seals=SEALS & ~fcntl.F_SEAL_GROW),
        "a socket": left.detach(), "its other end": right.detach(),
        "a pipe": reading, "a pipe's end": writing,
    }


def test_refuses_other_bodies(run, etc):
    for what, fd in other_descriptors(etc).items():
        end = run.ask(facts(), fd)
        assert (end["step"], end["error"]) == (REFUSED, BAD_BODY), what
        os.close(fd)
    number = run.send(START, facts())
    end = run.end()
    assert (end["id"], end["error"]) == (number, BAD_BODY), "none at all"
    assert run.report(facts())["body"] == "the body"


def test_keeps_no_descriptor(run):
    """However many come with a request."""
    run.report(facts())
    before = run.fds()
    fds = [body() for _ in range(20)]
    for kind in (START, KILL, RELOAD):
        run.send(kind, facts("other"), fds, number=77)
    run.end()
    run.report(facts())
    assert run.fds() == before
    for fd in fds:
        os.close(fd)


def test_refusals_are_few_lines(run):
    for _ in range(50):
        run.ask(facts("other"))
    until(lambda: run.process.log().count("request_refused") >= 10,
          "10 lines a minute", found=run.process.tail)
    run.process.kill()
    assert run.process.log().count("request_refused") == 10


def test_time_limit_is_the_configuration_s(site, etc):
    config(etc, route(etc, more="timeout = 300ms",
                      run=script(etc, "echo begun; sleep 60\n")))
    run = Run(site, f"{etc}/gaff.conf").ready()
    end = run.ask(facts())
    assert end["timed_out"] and end["output"] == "begun\n"


def test_ends_what_it_started_only(site, etc):
    config(etc, route(etc, run=script(etc, "sleep 60\n")))
    run = Run(site, f"{etc}/gaff.conf").ready()
    number = run.start(facts())
    run.send(KILL, number=number + 5)
    run.send(KILL, number=os.getpid())
    run.send(KILL, number=number)
    end = run.end()
    assert end["id"] == number
    assert os.WTERMSIG(end["status"]) == signal.SIGTERM
    assert run.process.alive()


def test_worker_gone(site, etc):
    """At the end of file all of them end, and so does gaff-run."""
    pids = f"{etc}/pids"
    os.mkdir(pids)
    os.chmod(pids, 0o1777)
    config(etc, route(etc, run=script(
        etc, f"trap '' TERM\nsleep 60 &\n"
        f"echo $$ $! > {pids}/new && mv {pids}/new {pids}/all\nwait\n")))
    run = Run(site, f"{etc}/gaff.conf").ready()
    run.start(facts())
    until(lambda: os.path.exists(f"{pids}/all"), "the handler runs")
    with open(f"{pids}/all") as f:
        started = [int(pid) for pid in f.read().split()]
    assert all(status(pid)["Uid"].split()[0] == str(SHOP.pw_uid)
               for pid in started)
    run.socket.close()
    until(lambda: not any(command(pid) for pid in started), "both end")
    assert run.process.wait() == 0


def test_cannot_start(site, etc):
    os.mkdir(f"{etc}/private", 0o700)
    config(etc, route(etc, "gone", run=f"{etc}/missing") +
           route(etc, "closed", more=f"directory = {etc}/private"))
    run = Run(site, f"{etc}/gaff.conf").ready()
    end = run.ask(facts("gone"))
    assert (end["step"], end["error"]) == (PROGRAM, 2)
    end = run.ask(facts("closed"))
    assert (end["step"], end["error"]) == (DIRECTORY, 13), \
        "the directory is entered as the user"


# ---- whose configuration counts ----

def refused(site, path, reason):
    run = Run(site, path)
    assert run.end() == {}
    assert run.process.wait() == 1
    assert reason in run.process.log(), run.process.log()


def test_configuration_is_root_s(site, etc):
    path = config(etc, route(etc))
    os.chmod(path, 0o664)
    refused(site, path, "others than root may write to it")
    os.chmod(path, 0o644)
    os.chown(path, GAFF.pw_uid, 0)
    refused(site, path, "does not belong to root")
    os.chown(path, 0, 0)
    for mode in (0o775, 0o757):
        os.chmod(etc, mode)
        refused(site, path, "others than root may write to it")
    os.chmod(etc, 0o755)
    # a link on the way that is somebody's
    link = site.path("etc")
    os.symlink(etc, link)
    refused(site, link + "/gaff.conf", "does not belong to root")
    Run(site, path).ready()


def test_more_files_are_root_s(site, etc):
    path = config(etc, route(etc))
    os.mkdir(f"{etc}/conf.d", 0o755)
    part = write(f"{etc}/conf.d/a.conf", route(etc, "more"), 0o664)
    refused(site, path, "conf.d/a.conf")
    os.chmod(part, 0o644)
    os.chmod(f"{etc}/conf.d", 0o775)
    refused(site, path, "conf.d")
    os.chmod(f"{etc}/conf.d", 0o755)
    Run(site, path).ready().report(facts("more"))


def test_nothing_runs_as_root(site, etc):
    refused(site, config(etc, route(etc, user="root")), "root")
    refused(site, config(etc, route(etc, user="nobody-here")), "no such user")


def test_secret_of_a_handler(site, etc):
    """Root's file reaches the user's program; one that others planted, none."""
    secret = write(f"{etc}/token", "s3cret\n", 0o600)
    path = config(etc, route(etc, more=f"env = TOKEN=file:{secret}"))
    said = Run(site, path).ready().report(facts())
    assert said["env"]["TOKEN"] == "s3cret"
    planted = site.path("token")
    os.symlink(secret, planted)
    refused(site, config(etc, route(etc, more=f"env = TOKEN=file:{planted}")),
            "does not belong to root")


def test_reload(run, etc):
    """When it is told so, and only to what is root's; else what was stays."""
    path = config(etc, route(etc, user="daemon"))
    assert run.report(facts())["uids"] == [SHOP.pw_uid] * 3
    run.send(RELOAD)
    daemon = pwd.getpwnam("daemon").pw_uid
    assert run.report(facts())["uids"] == [daemon] * 3
    config(etc, route(etc))
    os.chmod(path, 0o664)
    run.send(RELOAD)
    assert run.report(facts())["uids"] == [daemon] * 3
    run.process.wait_log("configuration_refused")


def test_is_the_worker_s_alone(site, etc):
    """It is not setuid, and does nothing on a terminal or for others."""
    path = config(etc, route(etc))
    for more in ({}, {"user": SHOP.pw_uid}):
        done = subprocess.run([f"{site.bin}/gaff-run", path],
                              stdin=subprocess.DEVNULL, capture_output=True,
                              **more)
        assert done.returncode == 2
        assert b"is started by gaff-worker" in done.stderr


# ---- with its worker ----

ACME = """
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


@pytest.fixture
def system(site, etc):
    """Worker started by root, with root's configuration; a gateway."""
    site.secret("acme", sign.ACME)
    acme = ACME.format(secret=f"file:{site.dir}/secrets/acme")

    def configure(routes):
        with open(site.configure(acme + routes,
                                 worker=f"user = {GAFF.pw_name}")) as f:
            write(f"{etc}/gaff.conf", f.read())

    def up(routes, wrap=()):
        configure(routes)
        site.conf = f"{etc}/gaff.conf"
        worker = Process("worker",
                         [*wrap, f"{site.bin}/gaff-worker", "-c", site.conf],
                         site.dir, root=True)
        worker.wait_log("msg=accepting")
        site.gateway()
        return worker
    site.configure_root, site.up_root = configure, up
    return site


def post(site, **members):
    data = json.dumps(members).encode()
    answer = site.post("/hooks/s", sign.acme(data), data)
    assert answer.status == 200, answer
    return answer.json()["id"]


def heard(site, name):
    path = site.path(f"heard/{name}")
    until(lambda: os.path.exists(path), f"{name} was written")
    with open(path) as f:
        return json.load(f)


def writer(site, etc):
    """A program that keeps what `report` says, in a directory of everybody's,
    as a file named after the route; then it reads its argument."""
    os.mkdir(site.path("heard"))
    os.chmod(site.path("heard"), 0o1777)
    heard_at = site.path("heard")
    return script(etc, f"{etc}/report > {heard_at}/.$GAFF_ROUTE.$$ &&"
                  f" mv {heard_at}/.$GAFF_ROUTE.$$ {heard_at}/$GAFF_ROUTE\n"
                  "cat \"$1\"\n", "writer")


def test_worker_and_handlers(system, etc):
    run = writer(system, etc)
    secret = write(f"{etc}/token", "s3cret\n", 0o600)
    os.chmod(system.path("store"), 0o750)
    worker = system.up_root(
        route(etc, run=f"{run} {system.path('store/gaff.db')}",
              more=f"env = TOKEN=file:{secret}\nattempts = 1") +
        f"[route plain]\nrun = {run}\n")
    event = post(system, id="k1", type="t")
    said = heard(system, "r")
    assert said["uids"] == [SHOP.pw_uid] * 3
    assert said["env"]["TOKEN"] == "s3cret"
    assert json.loads(said["body"])["id"] == "k1"
    system.wait_state(event, "r", "dead")
    last = system.show(event)["deliveries"]
    detail = [d["attempts"][-1]["detail"] for d in last if d["route"] == "r"]
    assert "Permission denied" in detail[0], "it cannot read the store"
    said = heard(system, "plain")
    assert said["uids"] == [GAFF.pw_uid] * 3
    own = status(worker.pid)
    assert own["Uid"].split() == [str(GAFF.pw_uid)] * 4
    assert own["Gid"].split() == [str(GAFF.pw_gid)] * 4
    assert {int(g) for g in own["Groups"].split()} == set(
        os.getgrouplist(GAFF.pw_name, GAFF.pw_gid))
    assert own["CapEff"] == own["CapPrm"] == "0" * 16
    # what only root may read was never in the worker
    assert "s3cret" not in worker.log()


def test_few_capabilities_do(system, etc):
    """Those that docs/DESIGN.md gives the worker's unit."""
    system.up_root(route(etc, run=writer(system, etc)), wrap=(
        "setpriv", "--bounding-set=-all,+setuid,+setgid,+kill"))
    post(system, id="k1", type="t")
    assert heard(system, "r")["uids"] == [SHOP.pw_uid] * 3


def test_worker_reloads(system, etc):
    run = writer(system, etc)
    worker = system.up_root(route(etc, "one", run=run))
    post(system, id="k1", type="t")
    assert heard(system, "one")["uids"] == [SHOP.pw_uid] * 3
    system.configure_root(route(etc, "two", run=run, user="daemon"))
    system.reload(worker)
    post(system, id="k2", type="t")
    assert heard(system, "two")["env"]["USER"] == "daemon"


def test_worker_killed(system, etc):
    """-9: every group ends, whosever it is."""
    os.mkdir(system.path("heard"))
    os.chmod(system.path("heard"), 0o1777)
    pid_file = system.path("heard/pid")
    worker = system.up_root(route(etc, run=script(
        etc, f"echo $$ > {pid_file}.new && mv {pid_file}.new {pid_file}\n"
        "trap '' TERM\nwhile :; do sleep 1; done\n")))
    post(system, id="k1", type="t")
    until(lambda: os.path.exists(pid_file), "the handler runs")
    with open(pid_file) as f:
        pid = int(f.read())
    assert status(pid)["Uid"].split()[0] == str(SHOP.pw_uid)
    worker.kill()
    until(lambda: not command(pid), "the handler ends")


def test_gaff_run_killed(system, etc):
    """Without it nothing could be started: the worker ends, and says so."""
    worker = system.up_root(route(etc))
    with open(f"/proc/{worker.pid}/task/{worker.pid}/children") as f:
        pids = f.read().split()
    pid = [int(p) for p in pids if re.search("gaff-run", command(int(p)))]
    with open(f"/proc/{pid[0]}/environ") as f:
        assert f.read() == ""
    os.kill(pid[0], signal.SIGKILL)
    assert worker.wait(30) == 1
    assert "spawner_gone" in worker.log()


def test_worker_says_what_is_wrong(system, etc):
    system.configure_root(route(etc))
    os.chmod(f"{etc}/gaff.conf", 0o664)
    worker = Process("worker", [f"{system.bin}/gaff-worker", "-c",
                                f"{etc}/gaff.conf"], system.dir, root=True)
    assert worker.wait() == 1
    assert "others than root may write to it" in worker.log()
    assert "gaff_run_did_not_start" in worker.log()


def test_check_says_who(system, etc):
    system.configure_root(route(etc, run=f"{etc}/report"))
    system.conf = f"{etc}/gaff.conf"
    os.chmod(system.path("secrets/acme"), 0o600)
    said = system.gaff("check").stdout.decode()
    assert re.search(rf"run as {SHOP.pw_name}\b", said), said
    os.chmod(system.conf, 0o664)
    said = system.gaff("check", code=1).stderr.decode()
    assert "others than root may write to it" in said
