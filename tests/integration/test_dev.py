"""gaff dev and gaff catch, as a developer uses them.

Turns red when: an event, its handler's output or its fate is not shown, a
secret that was given stands on the screen, a process or a file is left at the
end, or the death of a program goes unsaid.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess

import pytest

from kit import process, sign, web
from kit.process import Process, environment
from kit.servers import free_port
from kit.wait import until

PATIENCE = 30  # seconds


class Dev:
    """A running `gaff dev`."""

    def __init__(self, site, *options):
        self.site = site
        self.tmp = site.mkdir("tmp")
        self.process = Process(
            "dev", [f"{site.bin}/gaff", "dev", *options], site.dir,
            {"TMPDIR": self.tmp})
        self.process.wait_log("Ctrl-C ends all", PATIENCE)
        self.url = re.search(r"^URL +(\S+)$", self.process.log(), re.M)[1]
        self.port = int(self.url.split(":")[2].split("/")[0])
        until(lambda: len(self.children()) == 3, "three programs run",
              PATIENCE, found=self.children)
        self.programs = self.children()

    def wait(self, pattern):
        return until(lambda: re.search(pattern, self.process.log(), re.M),
                     f"gaff dev shows {pattern!r}", PATIENCE,
                     found=lambda: self.process.tail(30))

    def try_it(self):
        """Type the line that it shows."""
        line = re.search(r"^try it +gaff (.*)$", self.process.log(), re.M)[1]
        self.site.gaff(*shlex.split(line))

    def children(self):
        """Name of the program -> pid."""
        found = {}
        for pid, text in process.children().items():
            if self.tmp in text:
                found.setdefault(os.path.basename(text.split()[0]), pid)
        return found

    def nothing_is_left(self):
        """The programs were waited for; their helpers end with them."""
        running = process.children()
        assert [n for n, p in self.programs.items() if p in running] == []
        assert os.listdir(self.tmp) == []
        until(lambda: not self.children(), "no process is left", PATIENCE,
              found=self.children)


def test_event_is_shown(site):
    """With a secret it made up, headers and body; Ctrl-C leaves nothing."""
    dev = Dev(site, "-p", "0")
    assert re.search(r"^secret +[0-9a-f]{64}$", dev.process.log(), re.M)
    assert set(dev.programs) == {"lighttpd", "gaff.fcgi", "gaff-worker"}
    dev.try_it()
    dev.wait(r"  accepted   [0-9a-f]{8}  push  key \S+  \d+ bytes")
    dev.wait(r"^  x-github-event: push$")
    dev.wait(r'^    "ref": "refs/heads/main",$')
    dev.process.signal(signal.SIGINT)
    assert dev.process.wait(PATIENCE) == 0, dev.process.tail()
    dev.nothing_is_left()


def test_refused_request(site):
    secret = site.secret("github", sign.GITHUB)
    dev = Dev(site, "--port", "0", "--secret",
              secret.replace(":", f":{site.dir}/"))
    assert sign.GITHUB not in dev.process.log()
    answer = web.post(dev.port, "/hooks/github",
                      [("Content-Type", "application/json"),
                       ("X-Hub-Signature-256", "sha256=" + 64 * "0")], b"{}")
    assert answer.status == 401
    dev.wait(r"  refused    [0-9a-f]{8}  401  mismatch  in x-hub-signature")
    assert dev.process.stop(PATIENCE) == 0
    dev.nothing_is_left()


def test_run(site):
    """The handler's output, before what came of it; its directory and PATH
    are the developer's."""
    dev = Dev(site, "-p", "0", "--scheme", "stripe", "--run",
              "pwd; echo \"type $GAFF_TYPE\"; grep -o '\"object\":' | "
              "head -n1; seq -s ' ' 5000; echo $PATH >&2; printf end")
    dev.try_it()
    dev.wait(r"  delivered  [0-9a-f]{8}  try 1  \d+ ms$")
    text = dev.process.log()
    shown = re.findall(r"^ {10}\| (.*)$", text, re.M)
    assert shown[0] == site.dir
    assert shown[1].startswith("type ") and '"object":' in shown
    assert shown[3].split() == [str(n) for n in range(1, 5001)]
    assert shown[4:] == [environment()["PATH"], "end"]
    assert text.index("| type") < text.index("  delivered  ")
    assert dev.process.stop(PATIENCE) == 0
    dev.nothing_is_left()


def test_forward(site, receiver):
    receiver.answer = 500
    dev = Dev(site, "-p", "0", "--forward", receiver.url)
    dev.try_it()
    dev.wait(r"  failed     [0-9a-f]{8}  try 1  status:500  \d+ ms  next ")
    receiver.answer = 200
    dev.wait(r"  delivered  [0-9a-f]{8}  try [23]  \d+ ms$")
    assert receiver.got()[-1].headers["gaff-source"] == "github"
    assert dev.process.stop(PATIENCE) == 0
    dev.nothing_is_left()


@pytest.mark.parametrize("name, called", [
    ("lighttpd", "lighttpd"), ("gaff.fcgi", "the gateway"),
    ("gaff-worker", "the worker")])
def test_program_that_dies(site, name, called):
    """It is named, and all is ended."""
    dev = Dev(site, "-p", "0", "--scheme", "none")
    os.kill(dev.programs[name], signal.SIGKILL)
    assert dev.process.wait(PATIENCE) == 1
    assert f"{called} was ended by signal 9" in dev.process.log()
    dev.nothing_is_left()


def test_program_that_is_not_there(site):
    """And a gateway that ends by itself: its words are repeated."""
    tools = site.mkdir("tools")
    os.link(f"{site.bin}/gaff", f"{tools}/gaff")
    run = subprocess.run(
        [f"{tools}/gaff", "dev", "-p", "0"], capture_output=True, text=True,
        env=environment({"TMPDIR": site.mkdir("tmp")}), **process.as_user())
    assert run.returncode == 1 and "gaff.fcgi is missing" in run.stderr
    for program in ("gaff.fcgi", "gaff-worker"):
        site.write(f"tools/{program}", "#!/bin/sh\necho no luck\nexit 3\n",
                   0o755)
    run = subprocess.run(
        [f"{tools}/gaff", "dev", "-p", "0"], capture_output=True, text=True,
        env=environment({"TMPDIR": site.path("tmp")}), **process.as_user())
    assert run.returncode == 1
    assert re.search(r"the (gateway|worker) ended with status 3; it said:\n"
                     r"  no luck\n", run.stderr), run.stderr
    assert os.listdir(site.path("tmp")) == []


def test_port_that_is_taken(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for verb in ("dev", "catch"):
            run = site.gaff(verb, "-p", port, code=1)
            assert f"port {port} is taken; --port 0".encode() in run.stderr


def test_options_that_make_no_sense(site):
    for options in (["--run", "true", "--forward", "http://x/"],
                    ["--scheme", "none", "--secret", "12345678"],
                    ["--scheme", "discord"]):
        site.gaff("dev", "-p", "0", *options, code=2)
    site.gaff("dev", "-p", "0", "--scheme", "nobody", code=1)


# ---- gaff catch ----

class Catch:
    def __init__(self, site, *options):
        self.process = Process(
            "catch", [f"{site.bin}/gaff", "catch", "-p", "0", *options],
            site.dir)
        self.process.wait_log("Ctrl-C ends", PATIENCE)
        self.url = re.search(r"http://\S+:\d+", self.process.log())[0]
        self.port = int(self.url.split(":")[2])

    def after(self, n):
        """What it shows of the n-th request."""
        def shown():
            text = self.process.log()
            if not text.endswith("\n\n"):
                return None
            parts = re.split(r"^\d{4}-.{14}  (?=[A-Z]+ /)", text, flags=re.M)
            return parts[n] if len(parts) > n else None
        return until(shown, f"request {n} is shown", PATIENCE,
                     found=self.process.log)


def test_catch(site):
    catch = Catch(site)
    answer = web.post(catch.port, "/in?a=1",
                      [("Content-Type", "application/json"),
                       ("X-Name", "a\x1b[2Jb")], b'{"a":[1,{"b":"\xc3\xa9"}]}')
    assert answer.status == 200
    shown = catch.after(1)
    assert shown.startswith("POST /in?a=1\n")
    assert "\n  x-name: a?[2Jb\n" in shown
    assert json.loads(shown.split("\n\n")[1]) == {"a": [1, {"b": "é"}]}
    assert web.post(catch.port, "/b", [], bytes(range(256))).status == 200
    assert "\n  (256 bytes)\n" in catch.after(2)
    assert web.get(catch.port, "/c").status == 200
    assert catch.after(3).startswith("GET /c\n")
    assert catch.process.stop() == 0


def test_catch_signatures(site):
    """Those of a route's `sign`, and failures on demand."""
    secret = site.secret("sign", sign.STANDARD)
    catch = Catch(site, "--status", "503", "--secret", secret)
    headers = sign.standard(b"{}", "msg_1")
    assert web.post(catch.port, "/", headers, b"{}").status == 503
    assert "\n  the signature is good\n" in catch.after(1)
    web.post(catch.port, "/", headers, b"{ }")
    assert "\n  the signature is NOT good: mismatch" in catch.after(2)
    web.post(catch.port, "/", [], b"{}")
    assert "\n  the signature is NOT good: header_missing" in catch.after(3)
    assert catch.process.stop() == 0


def test_both(site):
    """gaff dev forwards to gaff catch."""
    catch = Catch(site)
    dev = Dev(site, "-p", str(free_port()), "--forward", catch.url + "/in")
    dev.try_it()
    assert catch.after(1).startswith("POST /in\n")
    dev.wait(r"  delivered  ")
    assert dev.process.stop(PATIENCE) == 0
    assert catch.process.stop() == 0
