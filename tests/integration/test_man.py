"""The man pages against the programs, and what they show done as they show it.

gaff.conf(5)'s keys are tests/unit/test_man.c's.  Turns red when: a verb, an
option, a variable or a line of an example is in one place only.
"""

import glob
import os
import re
import subprocess

from kit import sign
from kit.process import environment, program
from kit.site import ROOT

PAGES = sorted(glob.glob(os.path.join(ROOT, "docs/*.[1-8]")))


def page(name):
    with open(os.path.join(ROOT, "docs", name)) as f:
        return f.read()


def blocks(name):
    """What stands between .Bd and .Ed, as it is read."""
    found = re.findall(r"^\.Bd[^\n]*\n(.*?)^\.Ed", page(name), re.M | re.S)
    return [re.sub(r"\\&", "", b).replace("\\e", "\\") for b in found]


def help_of(site, name, *words):
    run = subprocess.run([f"{site.bin}/{name}", *words, "--help"],
                         capture_output=True, text=True)
    assert run.returncode == 0, run
    return run.stdout


def test_pages_are_all_there():
    assert [os.path.basename(p) for p in PAGES] == [
        "gaff-handler.7", "gaff-worker.8", "gaff.1", "gaff.conf.5",
        "gaff.fcgi.8"]


def test_lint():
    run = subprocess.run([program("mandoc"), "-T", "lint", "-W", "warning",
                          *PAGES], capture_output=True, text=True)
    assert run.returncode == 0 and not run.stdout, run.stdout


def test_references_lead_somewhere():
    ours = {os.path.basename(p) for p in PAGES}
    for path in PAGES:
        with open(path) as f:
            named = re.findall(r"^\.Xr (gaff\S*) (\d)", f.read(), re.M)
        assert {f"{n}.{s}" for n, s in named} <= ours, path


def test_lines_of_the_log():
    """A message that a page shows is one that the code writes."""
    code = ""
    for path in glob.glob(os.path.join(ROOT, "[fsw]*/*.c")):
        with open(path) as f:
            code += f.read()
    shown = {m for p in PAGES for m in re.findall(r"msg=(\w+)", "".join(
        blocks(os.path.basename(p))))}
    assert "delivered" in shown
    assert {m for m in shown if f'"{m}"' not in code} == set()


# ---- gaff(1) ----

def verbs(site):
    """Each verb, and each action of a verb that has some."""
    for verb in re.findall(r"^  ([a-z]+) ", help_of(site, "gaff"), re.M):
        text = help_of(site, "gaff", verb)
        if "ACTION --help" not in text:
            yield (verb,)
            continue
        for action in re.findall(r"^  ([a-z]+)  ", text, re.M):
            yield verb, action


def test_verbs_and_their_options(site):
    found = {}
    for part in re.split(r"^\.Ss ", page("gaff.1"), flags=re.M)[1:]:
        name, _, text = part.partition("\n")
        options = re.findall(r"^\.It Fl -(\S+)", text.split("\n.Sh ")[0],
                             re.M)
        assert name not in found and len(options) == len(set(options)), name
        found[name] = set(options)
    expected = {
        " ".join(words): set(re.findall(
            r"^  --([a-z-]+)", help_of(site, "gaff", *words), re.M))
        for words in verbs(site)}
    assert len(expected) >= 20
    assert found == expected


def daemon_options(name):
    """The options of a page's .It lines: "-c", "--config" …"""
    found = set()
    for line in re.findall(r"^\.It (Fl .*)", page(name), re.M):
        for word in re.split(r"[ ,]+", line.split(" Ar ")[0])[1:]:
            found.add("-" + word)
    return found


def test_options_of_the_daemons(site):
    for name in ("gaff.fcgi", "gaff-worker"):
        expected = set(re.findall(r"(?:^  |, |^ {6})(--?[a-z]+)",
                                  help_of(site, name), re.M))
        assert "--version" in expected
        assert daemon_options(name + ".8") == expected, name


# ---- gaff-handler(7) ----

def test_variables_of_a_handler():
    with open(os.path.join(ROOT, "worker/run_env.c")) as f:
        given = set(re.findall(r'add\w*\(list, "([A-Z_]+)"', f.read()))
    lines = re.findall(r"^\.It Ev (.*)", page("gaff-handler.7"), re.M)
    assert "GAFF_EVENT_ID" in given
    assert set(re.findall(r"[A-Z_]{4,}", " ".join(lines))) == given


def test_handler_that_is_shown():
    with open(os.path.join(ROOT, "docs/handlers/handler.sh")) as f:
        assert f.read() in blocks("gaff-handler.7")


# ---- gaff.conf(5) ----

def test_example_loads(site):
    """The programs it names are there; else it is as in the page."""
    text = next(b for b in blocks("gaff.conf.5") if "[route tell-me]" in b)
    site.secret("github", sign.GITHUB)
    site.secret("stripe", sign.STRIPE)
    for name in ("deploy", "paid", "mail-root"):
        site.handler(name)
    site.write("gaff.conf", text.replace("/usr/local/bin/", site.dir + "/"))
    run = site.gaff("check")
    assert b"deploy" in run.stdout and b"tell-me" in run.stdout


def session(site, text):
    """Do what a block shows, line by line, and compare what is printed."""
    env = environment(site.environment())
    env["PATH"] = site.bin + ":" + env["PATH"]
    done = 0
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        lines = part.splitlines()
        n = 1
        while lines[n - 1].endswith("\\"):
            n += 1
        run = subprocess.run(["/bin/sh", "-c", "\n".join(lines[:n])], env=env,
                             cwd=site.dir, capture_output=True, text=True)
        assert run.stdout.splitlines() == lines[n:], run.stderr
        assert run.returncode == 0, run.stderr
        done += 1
    return done


def test_schemes_step_by_step(site):
    """Each [scheme] example loads, signs and verifies as it is shown."""
    shown = blocks("gaff.conf.5")
    for name in ("acme", "depot"):
        i = next(i for i, b in enumerate(shown) if f"[scheme {name}]" in b)
        site.configure(shown[i])
        site.secret(name, "dGVsbC1uby1vbmU=")
        site.gaff("check")
        assert session(site, shown[i + 1]) >= 3


def test_built_in_language_is_the_same():
    """What heads schemes.conf, and gaff.conf(5): the same keys."""
    with open(os.path.join(ROOT, "conf/schemes.conf")) as f:
        head = f.read().split("\n[")[0]
    part = page("gaff.conf.5").split("\n.Ss [scheme NAME]")[1]
    keys = set(re.findall(r"^\.It Ic (\S+)", part.split("\n.Sh ")[0], re.M))
    assert {k for k in keys if not re.search(rf"\b{k}\b", head)} == set()
