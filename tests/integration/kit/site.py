"""One installation of gaff in a directory of its own."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys

from . import fastcgi
from .process import Process, as_user, environment, own
from .servers import Server
from .wait import until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILT = os.path.abspath(os.environ.get("GAFF_BIN",
                                       os.path.join(ROOT, "build")))
PROGRAMS = ("gaff.fcgi", "gaff-worker", "gaff-run", "gaff")
TOOLS = ("load", "sink")

COMMON = """
[log]
to = stderr
[gateway]
{gateway}
[worker local]
data = {base}data
control = {base}control
admin = ipc://{dir}/run/admin/local
{worker}
[store]
url = sqlite:{dir}/store/gaff.db
reserve = {reserve}
{store}
[dead_letter]
directory = {dir}/dead
{dead_letter}
"""


def copy_programs(to):
    """Where the user that tests run as can reach them."""
    for name in PROGRAMS:
        shutil.copy(os.path.join(BUILT, name), to)
    for name in TOOLS:
        shutil.copy(os.path.join(BUILT, "tests/tool", name), to)


class Site:
    def __init__(self, directory, bin_directory):
        self.dir, self.bin = directory, bin_directory
        for name in ("run", "run/link", "run/admin", "store", "dead",
                     "secrets"):
            self.mkdir(name)
        self.conf = self.path("gaff.conf")
        self.listen = self.path("run/fcgi.sock")
        self.workers = {}
        self.gateways = []

    # ---- files ----

    def path(self, name):
        return os.path.join(self.dir, name)

    def mkdir(self, name):
        path = self.path(name)
        if not os.path.isdir(path):
            os.mkdir(path, 0o755)
        return own(path)

    def write(self, name, text, mode=0o644):
        """Write at once, as a careful editor does."""
        path = self.path(name)
        data = text.encode() if isinstance(text, str) else text
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.chmod(path + ".new", mode)
        own(path + ".new")
        os.rename(path + ".new", path)
        return path

    def secret(self, name, value):
        self.write("secrets/" + name, value + "\n", 0o600)
        return "file:secrets/" + name

    def configure(self, text, gateway="", worker="", store="",
                  dead_letter="", base=None, reserve="16M"):
        """Write gaff.conf: the usual sections, then `text`."""
        base = base or f"ipc://{self.dir}/run/"
        common = COMMON.format(
            dir=self.dir, base=base, gateway=gateway, worker=worker,
            store=store, dead_letter=dead_letter, reserve=reserve)
        return self.write("gaff.conf", common + text)

    # ---- programs ----

    def environment(self):
        return {"GAFF_CONFIG": self.conf}

    def worker(self, name="local", ready=True, wrap=(), timeout=10):
        argv = [*wrap, f"{self.bin}/gaff-worker", "-c", self.conf, name]
        label = "worker" if name == "local" else "worker-" + name
        process = Process(label, argv, self.dir)
        self.workers[name] = process
        if ready:
            process.wait_log("msg=accepting", timeout)
        return process

    def gateway(self, ready=True, name="gateway", listener=None):
        """One that listens itself, or on an inherited listener."""
        argv = [f"{self.bin}/gaff.fcgi", "-c", self.conf]
        if listener is None:
            argv += ["--listen", "unix:" + self.listen]
        process = Process(name, argv, self.dir, stdin=listener)
        self.gateways.append(process)
        if ready:
            self.wait_ready()
        return process

    def listener(self):
        """The socket a service manager would hold for the gateways."""
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.listen)
        own(self.listen)
        s.listen(512)
        return s

    def wait_ready(self, timeout=10):
        def ask():
            try:
                return fastcgi.get(self.listen, "/-/ready").status == 200
            except OSError:
                return False
        until(ask, "/-/ready answers 200", timeout)

    def up(self, text=None, **sections):
        """The usual start: configuration, a worker, a gateway."""
        if text is not None:
            self.configure(text, **sections)
        self.worker()
        self.gateway()
        return self

    def server(self, kind, name=None, **more):
        return Server(self, kind, name, **more)

    def post(self, path, headers, body=b"", **more):
        """Straight to the gateway, as a web server would."""
        return fastcgi.post(self.listen, path, headers, body, **more)

    def reload(self, process, number=signal.SIGHUP):
        """Signal it and wait until it says what came of that."""
        said = re.compile(r"msg=(reload|not_reloaded|configuration_ref)")
        seen = len(said.findall(process.log()))
        process.signal(number)
        until(lambda: len(said.findall(process.log())) > seen,
              f"{process.name} reloads", found=lambda: process.tail(5))

    # ---- command line ----

    def gaff(self, *args, code=0, stdin=None, timeout=60):
        """Run the command line; its exit code must be `code` (None: any)."""
        run = subprocess.run(
            [f"{self.bin}/gaff", *args], env=environment(self.environment()),
            cwd=self.dir, input=stdin, stdin=None if stdin else
            subprocess.DEVNULL, capture_output=True, timeout=timeout,
            **as_user())
        assert code is None or run.returncode == code, (
            f"gaff {' '.join(args)}\nexpected: exit {code}\n"
            f"found: exit {run.returncode}\n{run.stdout.decode()}"
            f"{run.stderr.decode()}")
        return run

    def json(self, *args):
        return json.loads(self.gaff(*args, "--json").stdout)

    def json_any(self, *args):
        """Of a verb that says by its exit code that something is wrong."""
        return json.loads(self.gaff(*args, "--json", code=None).stdout)

    def show(self, event_id):
        return self.json("show", event_id)

    def deliveries(self, event_id):
        """Route -> state."""
        return {d["route"]: d["state"]
                for d in self.show(event_id)["deliveries"]}

    def wait_state(self, event_id, route, state, timeout=15):
        return until(
            lambda: self.deliveries(event_id).get(route) == state,
            f"delivery of {event_id} on {route} is {state}", timeout,
            found=lambda: self.deliveries(event_id))

    # ---- the store, read from outside once its worker has stopped ----

    def database(self, name="store/gaff.db", mode="ro"):
        return sqlite3.connect(f"file:{self.path(name)}?mode={mode}",
                               uri=True)

    def dead_files(self):
        found = []
        for top, dirs, names in os.walk(self.path("dead")):
            dirs[:] = [d for d in dirs if d != "replayed"]
            found += [os.path.join(top, n) for n in names
                      if n.endswith(".dead") and not n.startswith(".")]
        return sorted(found)

    def check_letter(self, path):
        """A dead letter is complete: (head, body)."""
        with open(path, "rb") as f:
            line, _, body = f.read().partition(b"\n")
        head = json.loads(line)
        assert head["body_bytes"] == len(body), path
        assert head["body_sha256"] == hashlib.sha256(body).hexdigest(), path
        name = f"{head['id']}.{head['route']}.{head['replay']}.dead"
        assert os.path.basename(path) == name
        day = os.path.basename(os.path.dirname(path))
        assert day == head["died_at"][:10] or day == "replayed"
        return head, body

    # ---- handlers ----

    def handler(self, name="record", then="", first=""):
        """A program that records its environment and standard input, one
        line of JSON a run, in NAME.out; `first` runs before the record is
        written, `then` after it (both Python).  Returns its path."""
        out = self.path(name + ".out")
        return self.write(name, HANDLER.format(
            python=sys.executable, out=out, first=first or "pass",
            then=then or "pass"), 0o755)

    def runs(self, name="record"):
        try:
            with open(self.path(name + ".out")) as f:
                return [json.loads(line) for line in f
                        if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def wait_runs(self, n, name="record", timeout=20):
        until(lambda: len(self.runs(name)) >= n, f"{n} runs of {name}",
              timeout, found=lambda: len(self.runs(name)))
        return self.runs(name)


HANDLER = """#!{python} -ISs
import hashlib, json, os, sys, time
{first}
body = sys.stdin.buffer.read()
line = json.dumps({{
    "env": dict(os.environ), "bytes": len(body),
    "sha256": hashlib.sha256(body).hexdigest(), "cwd": os.getcwd(),
    "argv": sys.argv[1:], "umask": os.umask(0o22),
    "policy": os.sched_getscheduler(0),
    "fds": sorted(int(n) for n in os.listdir("/proc/self/fd"))}})
out = os.open({out!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
os.write(out, line.encode() + b"\\n")
{then}
"""
