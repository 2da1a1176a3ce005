"""The files of conf/ that no other test starts, and how errors are told.

The web servers' files are what test_servers.py runs on.
"""

import os
import re
import shutil

import pytest

from kit import sign
from kit.process import own
from kit.servers import CONF
from kit.wait import until

SECRETS = {"github": sign.GITHUB, "stripe": sign.STRIPE,
           "shop": sign.ACME, "mirror": sign.STANDARD}


def example(site):
    """conf/gaff.conf with this site's paths."""
    with open(os.path.join(CONF, "gaff.conf")) as f:
        text = f.read()
    for name, value in SECRETS.items():
        site.secret(name, value)
    site.mkdir("bin")
    for name in ("deploy", "paid", "mail-root"):
        shutil.copy(site.handler(name), site.path("bin/" + name))
        own(site.path("bin/" + name))
    for there, here in (("/run/gaff/", site.path("run/")),
                        ("/var/lib/gaff/gaff.db",
                         site.path("store/gaff.db")),
                        ("/var/lib/gaff/dead", site.path("dead")),
                        ("/usr/local/bin/", site.path("bin/")),
                        ("group = gaff-link\n", ""),
                        ("127.0.0.1:9464", "127.0.0.1:0"),
                        ("to = auto", "to = stderr")):
        assert there in text, there
        text = text.replace(there, here)
    return site.write("gaff.conf", text)


def test_example_is_good(site):
    """It loads without a warning and says what it understood."""
    example(site)
    run = site.gaff("check")
    out = run.stdout.decode() + run.stderr.decode()
    for name in ("github", "stripe", "shop", "deploy", "paid", "mirror",
                 "tell-me", "/hooks/github", "meters", "readings"):
        assert name in out, out


def test_example_runs(site):
    """A worker and a gateway start with it and a push runs deploy."""
    example(site)
    site.worker()
    site.gateway()
    body = b'{"ref": "refs/heads/main"}'
    answer = site.post("/hooks/github", sign.github(body, "d1"), body)
    assert answer.status == 200, answer
    site.wait_state(answer.json()["id"], "deploy", "delivered")


def test_example_has_every_section():
    with open(os.path.join(CONF, "gaff.conf")) as f:
        kinds = set(re.findall(r"^\[([a-z_]+)", f.read(), re.M))
    assert kinds == {"gateway", "log", "worker", "store", "dead_letter",
                     "source", "route", "scheme"}


def test_users_and_directories():
    """Every user and group that a unit or a directory names is made."""
    def read(name):
        with open(os.path.join(CONF, name)) as f:
            return f.read()
    made = set(re.findall(r"^[ug] (\S+)", read("gaff.sysusers"), re.M))
    used = set(re.findall(r"^d \S+ \S+ (\S+)", read("gaff.tmpfiles"), re.M))
    used |= set(re.findall(r"^d \S+ \S+ \S+ (\S+)", read("gaff.tmpfiles"),
                           re.M))
    for unit in ("gaff-gateway.socket", "gaff-gateway.service",
                 "gaff-worker.service"):
        used |= set(re.findall(
            r"^(?:User|Group|SupplementaryGroups|SocketUser)=(\S+)",
            read(unit), re.M))
    used |= set(re.findall(r"^group = (\S+)", read("gaff.conf"), re.M))
    assert used - {"root"} == made


BAD = """[gatway]
threads = 16
[source github]
scheme = github
secret = {github}
secrets = x
[source github]
scheme = githab
[source open]
scheme = none
[source weak]
scheme = github
secret = file:secrets/empty
[route r]
source = gitlab
run = /bin/echo $HOME
timeout = 30
[route r2]
run = /nowhere/to/be/found
post = http://localhost/
 continued
"""

FAULTS = [(1, "gatway"), (6, "secrets"), (7, "github"), (9, "open"),
          (13, "weak"), (14, "gitlab"), (16, "shell"), (17, "timeout"),
          (18, "r2"), (20, "post")]


@pytest.mark.parametrize("who", ["check", "gateway", "worker"])
def test_every_fault_is_told(site, who):
    """All at once, each with file and line, and nothing starts."""
    site.secret("empty", "")
    site.write("gaff.conf", BAD.format(
        github=site.secret("github", sign.GITHUB)))
    if who == "check":
        run = site.gaff("check", code=1)
        text = (run.stdout + run.stderr).decode()
    else:
        process = (site.gateway(ready=False) if who == "gateway"
                   else site.worker(ready=False))
        assert process.wait() == 1
        text = process.log()
    for line, word in FAULTS:
        if who == "worker" and line == 13:
            continue  # a worker opens no source's secret
        found = [x for x in text.splitlines()
                 if f"gaff.conf:{line}:" in x and word in x]
        assert found, f"expected: line {line} about {word!r}\nfound:\n{text}"


def test_included_files_are_named(site):
    site.mkdir("conf.d")
    site.configure("")
    site.write("conf.d/shop.conf", "[source x]\nscheme = githab\n")
    run = site.gaff("check", code=1)
    assert b"conf.d/shop.conf:2:" in run.stdout + run.stderr


def test_no_configuration(site):
    for process in (site.worker(ready=False), site.gateway(ready=False)):
        assert process.wait() == 1
        assert "gaff.conf" in process.log()
        assert "No such file" in process.log()


@pytest.mark.parametrize("case", ["no directory", "no right", "no database"])
def test_store_that_cannot_be_opened(site, case):
    """The worker says which, why, and ends."""
    site.configure("")
    if case == "no directory":
        os.rmdir(site.path("store"))
    elif case == "no right":
        os.chmod(site.path("store"), 0o500)
    else:
        site.write("store/gaff.db", b"this is no database " * 500)
    worker = site.worker(ready=False)
    assert worker.wait() == 1
    assert site.path("store") in worker.log(), worker.log()
    assert "level=error" in worker.log()
    if case == "no database":
        with open(site.path("store/gaff.db"), "rb") as f:
            assert f.read(20) == b"this is no database "
    else:
        os.makedirs(site.path("store"), exist_ok=True)
        os.chmod(site.path("store"), 0o755)


@pytest.mark.parametrize("args", [["frobnicate"], [], ["show"],
                                  ["events", "--no-such-option"]])
def test_usage(site, args):
    """Exit 2 and how to say it right."""
    run = site.gaff(*args, code=2)
    assert b"usage: gaff" in run.stdout + run.stderr


def test_command_line_without_a_worker(site):
    """Says that no worker answers and where it looked; exit 1."""
    site.configure("")
    for args in (["status"], ["events"], ["replay", "1234abcd", "--yes"]):
        run = site.gaff(*args, code=1)
        assert site.path("run/admin/local").encode() in (
            run.stdout + run.stderr), run


def test_status_is_a_check(site):
    """Exit 0 when all is well, 1 when not."""
    site.up("")
    until(lambda: site.gaff("status", code=None).returncode == 0,
          "status is content")
    site.gateways[0].stop()
    until(lambda: site.gaff("status", code=None).returncode == 1,
          "status misses the gateway")


def test_secret_file_open_to_others(site):
    """A secret with a bit for others is refused."""
    site.secret("github", sign.GITHUB)
    os.chmod(site.path("secrets/github"), 0o644)
    site.configure("[source s]\nscheme = github\n"
                   "secret = file:secrets/github\n")
    gateway = site.gateway(ready=False)
    assert gateway.wait() == 1
    assert "secrets/github" in gateway.log()
