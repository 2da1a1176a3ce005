"""Processes that tests start: each one logged, ended by its pid, accounted for.

Started by root they run as www-data, so that the tests see the same rights
whoever runs them.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import threading
import time

from .wait import until

USER = pwd.getpwnam("www-data") if os.getuid() == 0 else None
PR_SET_CHILD_SUBREAPER = 36

# started and not yet seen dead, oldest first
started = []


def own(path):
    """Give a file or directory to the user that processes run as."""
    if USER:
        os.chown(path, USER.pw_uid, USER.pw_gid)
    return path


def as_user():
    """Arguments for subprocess that change to that user."""
    if not USER:
        return {}
    return {"user": USER.pw_uid, "group": USER.pw_gid, "extra_groups": []}


def adopt_orphans():
    """Whatever our processes leave behind becomes our child, and is seen."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def environment(extra=None):
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
           "LANG": "C.UTF-8", "HOME": "/"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(extra or {})
    return env


def copy(source, target):
    """From a process's pipe to its log file, until the end."""
    with source, target:
        while data := os.read(source.fileno(), 65536):
            target.write(data)


def whole_lines(path, start=0, ended=False):
    """The bytes of a file that somebody writes lines to.  What a reader meets
    last may be the beginning of a line, unless the writer has ended."""
    with open(path, "rb") as f:
        f.seek(start)
        data = f.read()
    return data if ended else data[:data.rfind(b"\n") + 1]


def program(name):
    """The path of a web server or tool."""
    path = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    assert path, f"{name} is not installed (see TEST_PACKAGES in Makefile)"
    return path


class Process:
    """One process with its output in a file."""

    def __init__(self, name, argv, directory, env=None, stdin=None,
                 root=False):
        self.name = name
        self.log_path = os.path.join(directory, name + ".log")
        log = open(self.log_path, "ab", buffering=0)
        self.log_start = log.tell()
        # a pipe: standard error that is a file means syslog to gaff
        self.popen = subprocess.Popen(
            argv, stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=directory,
            env=environment(env), start_new_session=True,
            **({} if root else as_user()))
        self.pid = self.popen.pid
        self.copier = threading.Thread(
            target=copy, args=(self.popen.stdout, log), daemon=True)
        self.copier.start()
        started.append(self)

    def alive(self):
        return self.popen.poll() is None

    def log(self):
        """What it has printed since this start: whole lines while it runs."""
        alive = self.alive()
        text = whole_lines(self.log_path, self.log_start, not alive)
        return text.decode("utf-8", "replace")

    def wait_log(self, text, timeout=10):
        until(lambda: text in self.log() or not self.alive(),
              f"{self.name} logs {text!r}", timeout,
              found=lambda: self.tail(5))
        assert text in self.log(), \
            f"expected: {self.name} logs {text!r}\n{self.tail()}"

    def tail(self, lines=20):
        return "\n".join(self.log().splitlines()[-lines:])

    def signal(self, number):
        if not self.alive():
            return
        os.kill(self.pid, number)
        if number == signal.SIGSTOP:  # each thread stops when it sees it
            until(self.stopped, f"{self.name} stands still")

    def stopped(self):
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{thread}/stat",
                          encoding="utf-8") as f:
                    state = f.read().rpartition(") ")[2][0]
            except FileNotFoundError:  # it has ended
                continue
            if state != "T":
                return False
        return True

    def wait(self, timeout=15):
        try:
            code = self.popen.wait(timeout)
            self.copier.join(1)  # its children may keep the pipe open
            return code
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"expected: {self.name} ends within {timeout} s\n"
                f"found: it runs\n{self.tail()}") from None

    def kill(self):
        """As a crash does."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def stop(self, timeout=15):
        """In good order; a process that does not end is a failure."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        return self.wait(timeout)


def tails():
    """The last lines of every process of this test, for a failure."""
    return [(p.name, p.tail()) for p in started]


def children():
    """Live pids below us, with their command lines."""
    found, todo = {}, [os.getpid()]
    while todo:
        parent = todo.pop()
        try:
            tasks = os.listdir(f"/proc/{parent}/task")
            for task in tasks:
                with open(f"/proc/{parent}/task/{task}/children") as f:
                    todo += [int(pid) for pid in f.read().split()]
        except OSError:
            continue
        if parent != os.getpid():
            found[parent] = command(parent)
    return {pid: text for pid, text in found.items() if text}


def command(pid):
    """A process's command line; "" once it is dead."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            if f.read().rpartition(")")[2].split()[0] in "ZX":
                return ""
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def reap():
    """Bury adopted orphans, but none that a Process waits for itself."""
    mine = {p.pid for p in started}
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as f:
            pids = [int(pid) for pid in f.read().split()]
    except OSError:
        return
    for pid in pids:
        if pid not in mine and not command(pid):
            try:
                os.waitpid(pid, os.WNOHANG)
            except OSError:
                pass


def end_all():
    """End what a test has started; returns what should not have been left."""
    for process in reversed(started):
        process.signal(signal.SIGCONT)
        process.signal(signal.SIGTERM)
    end = time.monotonic() + 10
    for process in reversed(started):
        while process.alive() and time.monotonic() < end:
            time.sleep(0.01)
        if process.alive():
            process.signal(signal.SIGKILL)
            process.popen.wait()
    for process in started:
        process.copier.join(1)
    end = time.monotonic() + 5
    while children() and time.monotonic() < end:
        reap()
        time.sleep(0.02)
    left = children()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    reap()
    started.clear()
    return left
