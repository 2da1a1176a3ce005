"""Units of an installed root, started as systemd would: their users, groups,
directories, sockets, environment and notifications; not their sandbox, but for
capabilities and NoNewPrivileges.
"""

import os
import signal
import socket
import subprocess
import tempfile
import threading

from kit.process import copy, whole_lines
from kit.wait import until

ROOT = os.environ["GAFF_ROOT"]
ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
       "LANG": "C.UTF-8", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}


def at(path):
    """A path inside the root, from outside."""
    return ROOT + path


def run(*argv, code=0, user=None, timeout=240):
    """A command inside the root; its exit code must be `code` (None: any)."""
    become = ["setpriv", "--reuid", user, "--regid", user,
              "--init-groups"] if user else []
    done = subprocess.run(["chroot", ROOT, *become, *argv], env=ENV,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout)
    assert code is None or done.returncode == code, (
        f"{argv}\nexpected: exit {code}\nfound: exit {done.returncode}\n"
        f"{done.stdout}{done.stderr}")
    return done


def ids(name):
    """(uid, gid) of a user of the root."""
    fields = run("getent", "passwd", name).stdout.split(":")
    return int(fields[2]), int(fields[3])


def gid(name):
    return int(run("getent", "group", name).stdout.split(":")[2])


def read(name):
    """{key: [values]} of the unit NAME, its template's if it is an instance,
    with %i and %N as they are there."""
    stem, kind = name.rsplit(".", 1)
    prefix, _, instance = stem.partition("@")
    file = f"{prefix}@.{kind}" if instance else name
    found = {}
    with open(at("/lib/systemd/system/" + file)) as f:
        for line in f:
            key, sep, value = line.strip().partition("=")
            if sep and not line.startswith("#"):
                value = value.replace("%i", instance).replace("%N", stem)
                found.setdefault(key, []).append(value.replace("//", "/"))
    return found


class Listener:
    """What a socket unit makes."""

    def __init__(self, name):
        unit = read(name)
        self.path = unit["ListenStream"][0]
        os.makedirs(os.path.dirname(at(self.path)), 0o755, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(at(self.path))
        os.chown(at(self.path), ids(unit["SocketUser"][0])[0],
                 gid(unit["SocketGroup"][0]))
        os.chmod(at(self.path), int(unit["SocketMode"][0], 8))
        self.socket.listen(int(unit["Backlog"][0]))


class Service:
    """A service unit that runs."""

    def __init__(self, name, listener=None):
        self.name, self.unit = name, read(name)
        self.user = self.unit["User"][0]
        self.make_directories()
        self.heard = []
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify_path = f"/run/notify-{name}"
        self.notify.bind(at(self.notify_path))
        os.chmod(at(self.notify_path), 0o777)
        self.notify.setblocking(False)
        self.log_path = tempfile.mkstemp(dir=os.path.dirname(ROOT))[1]
        self.start(listener)
        self.wait("READY=1")

    def make_directories(self):
        for key, top in (("Runtime", "/run/"), ("State", "/var/lib/")):
            for names in self.unit.get(key + "Directory", []):
                for name in names.split():
                    mode = self.unit[key + "DirectoryMode"][0]
                    run("install", "-d", "-o", self.user, "-g", self.user,
                        "-m", mode, top + name)
        for line in self.unit.get("ExecStartPre", []):
            assert line.startswith("+/")
            run(*line[1:].split())

    def start(self, listener):
        env = dict(ENV, NOTIFY_SOCKET=self.notify_path)
        for line in self.unit.get("Environment", []):
            name, _, value = line.partition("=")
            env[name] = value
        groups = ",".join([self.user] + self.unit["SupplementaryGroups"])
        become = ["setpriv", "--reuid", self.user, "--regid", self.user,
                  "--groups", groups]
        if self.unit.get("CapabilityBoundingSet") == [""]:
            become.append("--bounding-set=-all")
        if self.unit.get("NoNewPrivileges") == ["yes"]:
            become.append("--no-new-privs")
        umask = self.unit["UMask"][0]
        script = f"umask {umask}; "
        fds = []
        if listener:
            fds = [listener.socket.fileno()]
            env["LISTEN_FDS"] = "1"
            script += f"exec 3<&{fds[0]}; LISTEN_PID=$$; export LISTEN_PID; "
        self.process = subprocess.Popen(
            ["bash", "-c", script + 'exec "$@"', "bash", "chroot", ROOT, *become,
             *self.unit["ExecStart"][0].split()], env=env, pass_fds=fds,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        self.pid = self.process.pid
        threading.Thread(target=copy, daemon=True, args=(
            self.process.stdout, open(self.log_path, "ab", 0))).start()

    def log(self):
        return whole_lines(self.log_path).decode()

    def told(self):
        """What it has told so far, line by line."""
        while True:
            try:
                self.heard += self.notify.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.heard

    def wait(self, line, times=1):
        until(lambda: self.told().count(line) >= times
              or self.process.poll() is not None,
              f"{self.name} tells {line} {times} times", 30,
              found=lambda: (self.heard, self.log()))
        assert self.told().count(line) >= times, (self.heard, self.log())

    def reload(self):
        ready = self.told().count("READY=1")
        os.kill(self.pid, signal.SIGHUP)
        self.wait("READY=1", ready + 1)
        assert "RELOADING=1" in self.heard, self.heard

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log()
        assert "STOPPING=1" in self.told(), self.heard
        self.notify.close()
        os.unlink(at(self.notify_path))
