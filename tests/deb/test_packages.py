"""The packages in a small Debian: installed, used as the README says, removed.

The tests are one story and run in this order.
"""

import glob
import json
import os
import re
import shutil
import subprocess

import pytest

from kit.servers import free_port
from kit.wait import until
from units import ENV, ROOT, Listener, Service, at, gid, ids, read, run

PACKAGES = ("gaff", "gaff-gateway", "gaff-worker")
SERVICES = {}
STORE = "/var/lib/gaff/gaff.db"

CONFIG = """
[source github]
scheme = github
secret = file:secrets/github

[route deploy]
source = github
type = push
filter = .ref == "refs/heads/main"
run = /usr/local/bin/deploy

[route mirror]
source = nothing-yet
post = http://127.0.0.1:9/
sign = standard-webhooks
sign_secret = file:secrets/mirror

[source nothing-yet]
scheme = github
secret = file:secrets/github
"""


def write(path, text, mode=0o644, group=0):
    with open(at(path), "w") as f:
        f.write(text)
    os.chown(at(path), 0, group)
    os.chmod(at(path), mode)


def install():
    debs = [f[len(ROOT):] for f in sorted(glob.glob(at("/packages/*.deb")))]
    return run("apt-get", "install", "-y", "-q", "--no-install-recommends",
               *debs)


def test_install():
    run("apt-get", "update", "-q")
    install()
    for name in PACKAGES:
        state = run("dpkg-query", "-W", "-f", "${Status}", name).stdout
        assert state == "install ok installed"
    # nothing waits for a restart, nothing was changed
    assert run("dpkg", "--verify", *PACKAGES).stdout == ""


def test_users_and_directories():
    """As sysusers.d and tmpfiles.d say, made by systemd's own tools."""
    assert gid("gaff-link") in [
        gid(g) for g in run("id", "-Gn", "gaff").stdout.split()]
    assert "gaff-link" in run("id", "-Gn", "gaff-gw").stdout.split()
    for path, mode, user, group in (
            ("/etc/gaff/secrets", 0o755, "root", "root"),
            ("/run/gaff", 0o755, "root", "root"),
            ("/run/gaff/link", 0o750, "gaff", "gaff-link"),
            ("/run/gaff/admin", 0o750, "gaff", "gaff"),
            ("/var/lib/gaff", 0o750, "gaff", "gaff"),
            ("/var/lib/gaff/dead", 0o750, "gaff", "gaff")):
        st = os.stat(at(path))
        assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (
            mode, ids(user)[0], gid(group)), path


def test_units():
    """systemd reads them, the instances too; what is enabled starts at boot."""
    names = ["gaff-worker.service", "gaff-worker@staging.service",
             "gaff-gateway.service", "gaff-gateway.socket",
             "gaff-gateway@staging.service", "gaff-gateway@staging.socket",
             "gaff-gateway-extra@2.service"]
    done = run("systemd-analyze", "verify", "--man=no", *names)
    mine = [x for x in done.stderr.splitlines() if "gaff" in x]
    assert not mine, done.stderr
    for name in ("gaff-worker.service", "gaff-gateway.service",
                 "gaff-gateway.socket"):
        assert run("systemctl", "is-enabled", name).stdout == "enabled\n"


def test_starts_as_installed():
    """Without a source, without a secret: both run and speak to each other."""
    run("gaff", "check")
    listener = Listener("gaff-gateway.socket")
    SERVICES["listener"] = listener
    SERVICES["worker"] = Service("gaff-worker.service")
    SERVICES["gateway"] = Service("gaff-gateway.service", listener)
    until(lambda: run("gaff", "status", code=None).returncode == 0,
          "status is content", 20,
          found=lambda: run("gaff", "status", code=None).stdout)


def test_configure():
    """A source and a route in conf.d, and a reload; lighttpd's own way to
    enable what is in conf-available."""
    write("/etc/gaff/conf.d/shop.conf", CONFIG)
    write("/usr/local/bin/deploy", "#!/bin/sh\ncat >>/var/lib/gaff/deployed\n",
          0o755)
    for name, group in (("github", "gaff-gw"), ("mirror", "gaff")):
        write("/etc/gaff/secrets/" + name, run("gaff", "secret").stdout,
              0o640, gid(group))
    run("gaff", "check")
    for name in ("worker", "gateway"):
        SERVICES[name].reload()
        until(lambda n=name: "reloaded" in SERVICES[n].log(),
              f"the {name} logs it", 20)


def start_lighttpd():
    """Debian's configuration on a free port; the port."""
    run("lighty-enable-mod", "gaff", code=None)
    port = free_port()
    path = at("/etc/lighttpd/lighttpd.conf")
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(re.sub(r"^server.port .*", f"server.port = {port}", text,
                       flags=re.M))
    os.makedirs(at("/run/lighttpd"), exist_ok=True)
    os.chown(at("/run/lighttpd"), *ids("www-data"))
    done = run("lighttpd", "-tt", "-f", "/etc/lighttpd/lighttpd.conf")
    assert not done.stderr, done.stderr
    SERVICES["lighttpd"] = subprocess.Popen(
        ["chroot", ROOT, "lighttpd", "-D", "-f",
         "/etc/lighttpd/lighttpd.conf"], env=ENV, start_new_session=True)
    return port


def test_deliver():
    """`gaff send` through lighttpd: stored, delivered, the bytes whole."""
    port = start_lighttpd()
    body = '{"ref": "refs/heads/main"}'
    write("/tmp/body", body)

    def send():
        return run("gaff", "send", "--source", "github", "--type", "push",
                   "--body", "/tmp/body", "--to", f"http://127.0.0.1:{port}",
                   code=None)
    done = []
    until(lambda: done.append(send()) or done[-1].returncode == 0,
          "lighttpd and the gateway take the event", 20,
          found=lambda: done[-1].stdout + done[-1].stderr)
    until(lambda: os.path.exists(at("/var/lib/gaff/deployed")),
          "the handler ran", 20, found=lambda: SERVICES["worker"].log())
    until(lambda: [e for e in json.loads(run(
        "gaff", "events", "--state", "delivered", "--json").stdout)],
        "the event is delivered", 20)
    with open(at("/var/lib/gaff/deployed")) as f:
        assert f.read() == body


def test_another_process():
    """gaff-gateway-extra@2 takes from the same socket."""
    name = "gaff-gateway-extra@2.service"
    assert read(name)["Sockets"] == ["gaff-gateway.socket"]
    extra = Service(name, SERVICES["listener"])
    worker = SERVICES["worker"]
    until(lambda: worker.log().count("gateway_linked") == 2,
          "two gateways are linked", 20, found=worker.log)
    extra.stop()


def test_instance():
    """Staging beside production: its own configuration, sockets, store."""
    with open(at("/etc/gaff/gaff.conf")) as f:
        text = f.read()
    os.makedirs(at("/etc/gaff/staging"))
    write("/etc/gaff/staging/gaff.conf",
          re.sub(r"^metrics = .*\n", "", text, flags=re.M)
          .replace("/run/gaff/", "/run/gaff/staging/")
          .replace("/var/lib/gaff/", "/var/lib/gaff/staging/"))
    listener = Listener("gaff-gateway@staging.socket")
    assert listener.path == "/run/gaff/staging/fcgi.sock"
    worker = Service("gaff-worker@staging.service")
    gateway = Service("gaff-gateway@staging.service", listener)
    until(lambda: "gateway_linked" in worker.log(), "staging is linked", 20,
          found=gateway.log)
    assert os.path.exists(at("/var/lib/gaff/staging/gaff.db"))
    gateway.stop()
    worker.stop()
    shutil.rmtree(at("/var/lib/gaff/staging"))
    shutil.rmtree(at("/etc/gaff/staging"))


def can_connect(user, path):
    script = ("import socket,sys; s=socket.socket(socket.AF_UNIX);"
              "s.connect(sys.argv[1])")
    # this machine's python in the root's view: ids are numbers
    uid, group = ids(user)
    groups = [gid(g) for g in run("id", "-Gn", user).stdout.split()]
    return subprocess.run(
        ["/usr/bin/python3", "-c", script, at(path)], user=uid, group=group,
        extra_groups=groups, capture_output=True).returncode == 0


LINK = ["/run/gaff/link/local.data", "/run/gaff/link/local.control"]
ADMIN = "/run/gaff/admin/local"
FCGI = "/run/gaff/fcgi.sock"


@pytest.mark.parametrize("user, may, may_not", [
    ("www-data", [FCGI], LINK + [ADMIN]),
    ("gaff-gw", [FCGI] + LINK, [ADMIN]),
    ("gaff", LINK + [ADMIN], [FCGI]),
    ("nobody", [], LINK + [ADMIN, FCGI]),
])
def test_who_opens_which_socket(user, may, may_not):
    assert [p for p in may + may_not if can_connect(user, p)] == may


@pytest.mark.parametrize("user, may", [
    ("gaff-gw", ["github"]), ("gaff", ["mirror"]), ("www-data", []),
    ("nobody", [])])
def test_who_reads_which_secret(user, may):
    assert [n for n in ("github", "mirror") if run(
        "cat", "/etc/gaff/secrets/" + n, user=user,
        code=None).returncode == 0] == may


@pytest.mark.parametrize("user, secret", [("gaff-gw", "github"),
                                          ("gaff", "mirror")])
def test_check_as(user, secret):
    """Nothing is in the way; with a wrong mode it is said what is."""
    assert "nothing is in the way" in run("gaff", "check", "--as", user).stdout
    path = at("/etc/gaff/secrets/" + secret)
    os.chmod(path, 0o600)
    done = run("gaff", "check", "--as", user, code=1)
    os.chmod(path, 0o640)
    assert secret in done.stdout and "ermission denied" in done.stdout


def test_check_as_store():
    os.chown(at("/var/lib/gaff/dead"), 0, 0)
    done = run("gaff", "check", "--as", "gaff", code=1)
    os.chown(at("/var/lib/gaff/dead"), *ids("gaff"))
    assert "/var/lib/gaff/dead" in done.stdout


def test_watchdog():
    """The worker gives signs of life, again and again."""
    assert SERVICES["worker"].unit["WatchdogSec"] == ["60"]
    SERVICES["worker"].wait(
        "WATCHDOG=1", SERVICES["worker"].told().count("WATCHDOG=1") + 2)


def test_web_server_goes_on():
    """Installing again restarts no web server."""
    pid = SERVICES["lighttpd"].pid
    run("dpkg-reconfigure", *PACKAGES)
    assert SERVICES["lighttpd"].poll() is None
    assert os.path.exists(f"/proc/{pid}")


def test_remove():
    """What is stored stays, whatever becomes of the packages."""
    SERVICES["lighttpd"].terminate()
    SERVICES["lighttpd"].wait(20)
    SERVICES["gateway"].stop()
    SERVICES["worker"].stop()
    with open(at(STORE), "rb") as f:
        stored = f.read()
    run("apt-get", "remove", "-y", "-q", *PACKAGES)
    assert os.path.exists(at("/etc/gaff/gaff.conf"))
    assert not os.path.exists(at("/usr/bin/gaff-worker"))
    done = run("apt-get", "purge", "-y", "-q", *PACKAGES)
    assert "/var/lib/gaff stays" in done.stdout + done.stderr
    with open(at(STORE), "rb") as f:
        assert f.read() == stored
    # what the administrator wrote stays too
    assert os.path.exists(at("/etc/gaff/secrets/github"))
    assert not os.path.exists(at("/etc/gaff/gaff.conf"))


def test_purge_when_nothing_is_stored():
    shutil.rmtree(at("/var/lib/gaff"))
    install()
    assert os.path.isdir(at("/var/lib/gaff/dead"))
    run("apt-get", "purge", "-y", "-q", *PACKAGES)
    assert not os.path.exists(at("/var/lib/gaff"))
