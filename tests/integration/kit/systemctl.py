#!/usr/bin/python3
"""systemctl where no systemd runs: does at once what the units say.

Of a unit it plays what decides about users, rights and start: ExecStartPre,
ExecStart, User, SupplementaryGroups, directories, Environment, Type, sockets.
A socket unit starts its service.
"""

import grp
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

UNITS = ("/etc/systemd/system", "/usr/local/lib/systemd/system",
         "/lib/systemd/system")
ONE_USER = "GAFF_ONE_USER" in os.environ
PATIENCE = 60


class Unit:
    def __init__(self, name):
        self.name = name if "." in name else name + ".service"
        self.stem = self.name.rsplit(".", 1)[0]
        self.keys = {}
        path = next(p for p in (f"{d}/{self.name}" for d in UNITS)
                    if os.path.exists(p))
        with open(path) as f:
            for line in f:
                key, equals, value = line.strip().partition("=")
                if equals and not key.startswith(("#", ";")):
                    value = value.replace("%i", "").replace("%N", self.stem)
                    self.keys.setdefault(key, []).append(value)

    def all(self, key):
        return self.keys.get(key, [])

    def words(self, key):
        return " ".join(self.all(key)).split()

    def one(self, key, default=None):
        return self.keys.get(key, [default])[-1]


def pid_file(unit):
    return f"/run/units/{unit.stem}.pid"


def rights(unit):
    """Arguments of subprocess for the unit's user."""
    name = unit.one("User")
    if name is None or ONE_USER:
        return {}
    user = pwd.getpwnam(name)
    groups = os.getgrouplist(name, user.pw_gid)
    groups += [grp.getgrnam(g).gr_gid for g in
               unit.words("SupplementaryGroups")]
    return {"user": user.pw_uid, "group": user.pw_gid,
            "extra_groups": groups}


def environment(unit):
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    if ONE_USER:
        env["GAFF_ONE_USER"] = "1"
    for value in unit.all("Environment"):
        for word in shlex.split(value):
            name, _, text = word.partition("=")
            env[name] = text
    return env


def command(unit, line):
    """(argv, arguments of subprocess) of an Exec line."""
    privileged = line.startswith("+")
    argv = shlex.split(line.lstrip("+-"))
    if ONE_USER and unit.one("User") is None:
        # a web server that finds itself root would change its user
        argv = ["unshare", "--user", "--map-user=33", "--map-group=33", *argv]
    return argv, {"env": environment(unit), "cwd": "/",
                  **({} if privileged else rights(unit))}


def make_directories(unit):
    for key, top in (("RuntimeDirectory", "/run"),
                     ("StateDirectory", "/var/lib")):
        for name in unit.words(key):
            path = os.path.join(top, name)
            os.makedirs(path, exist_ok=True)
            os.chmod(path, int(unit.one(key + "Mode", "755"), 8))
            shutil.chown(path, unit.one("User"), unit.one("User"))


def listener(unit):
    path = os.path.normpath(unit.one("ListenStream"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    if not ONE_USER:
        shutil.chown(path, unit.one("SocketUser"), unit.one("SocketGroup"))
    os.chmod(path, int(unit.one("SocketMode"), 8))
    s.listen(int(unit.one("Backlog")))
    return s


def sockets(unit):
    names = unit.words("Sockets")
    if unit.one("StandardInput") == "socket":
        names = [unit.stem + ".socket"]
    return [listener(Unit(name)) for name in names]


def with_sockets(unit, argv, options, given):
    """The sockets as standard input, or as descriptors from 3 on."""
    if not given:
        return argv
    if unit.one("StandardInput") == "socket":
        options["stdin"] = given[0]
        return argv
    fds = [s.fileno() for s in given]
    options["pass_fds"] = fds
    moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(fds))
    return ["/bin/sh", "-c", f"exec env LISTEN_PID=$$ LISTEN_FDS={len(fds)} "
            f'"$@" {moves}', "sh", *argv]


def wait_ready(unit, process, notify):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if notify is not None:
            try:
                if b"READY=1" in notify.recv(4096):
                    return
            except socket.timeout:
                pass
            continue
        # the others that stay in the foreground here are web servers
        try:
            return socket.create_connection(("127.0.0.1", 80)).close()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"systemctl: {unit.name} does not come up")


def start(unit):
    if unit.name.endswith(".socket"):
        unit = Unit(unit.stem)
    if os.path.exists(pid_file(unit)):
        return
    make_directories(unit)
    for line in unit.all("ExecStartPre"):
        argv, options = command(unit, line)
        subprocess.run(argv, check=True, **options)
    argv, options = command(unit, unit.one("ExecStart"))
    if unit.one("Type") == "forking":
        subprocess.run(argv, check=True, **options)
        return
    notify = None
    if unit.one("Type") == "notify":
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.settimeout(1)
        notify.bind(f"\0gaff-notify-{unit.stem}")
        options["env"]["NOTIFY_SOCKET"] = f"@gaff-notify-{unit.stem}"
    given = sockets(unit)  # open until the process has them
    argv = with_sockets(unit, argv, options, given)
    # a pipe: standard error that is a file means syslog
    log = subprocess.Popen(["sed", f"s/^/{unit.stem}: /"],
                           stdin=subprocess.PIPE, start_new_session=True)
    process = subprocess.Popen(argv, stdout=log.stdin, stderr=log.stdin,
                               start_new_session=True, **options)
    os.makedirs("/run/units", exist_ok=True)
    with open(pid_file(unit), "w") as f:
        f.write(str(process.pid))
    wait_ready(unit, process, notify)


def stop(unit):
    if os.path.exists(pid_file(unit)):
        with open(pid_file(unit)) as f:
            os.kill(int(f.read()), signal.SIGTERM)
        os.unlink(pid_file(unit))


def main(verb, *words):
    units = [Unit(w) for w in words if not w.startswith("-")]
    if verb == "restart":
        for unit in units:
            stop(unit)
    if verb in ("restart", "start") or (verb == "enable" and "--now" in words):
        for unit in units:
            start(unit)
    elif verb not in ("daemon-reload", "enable"):
        sys.exit(f"systemctl: {verb} is not played here")


if __name__ == "__main__":
    main(*sys.argv[1:])
