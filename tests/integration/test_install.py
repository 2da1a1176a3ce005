"""`make install`: what goes where, whose flags count, the completion, and the
units as they are installed.
"""

import os
import re
import shutil
import subprocess

import pytest

from kit.process import program
from kit.site import BUILT, ROOT

FLAGS = {"CFLAGS": "-O0 -g -DFROM_C", "CPPFLAGS": "-DFROM_CPP",
         "LDFLAGS": "-Wl,--build-id=none"}


def make(*args, cwd=ROOT, **env):
    run = subprocess.run(
        ["make", "--no-print-directory", *args], cwd=cwd, text=True,
        capture_output=True, env={"PATH": "/usr/bin:/bin", **env})
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return run.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The programs that are tested, installed into a DESTDIR."""
    path = tmp_path_factory.mktemp("dest")
    make("install", f"O={BUILT}", f"DESTDIR={path}", "prefix=/opt/gaff")
    return path


def files(top):
    return sorted(os.path.join(where, name)[len(str(top)):]
                  for where, _, names in os.walk(top) for name in names)


def test_what_goes_where(installed):
    found = files(installed)
    for name in ("/opt/gaff/bin/gaff", "/opt/gaff/bin/gaff-worker",
                 "/opt/gaff/lib/gaff/gaff.fcgi",
                 "/opt/gaff/share/man/man1/gaff.1",
                 "/opt/gaff/share/man/man5/gaff.conf.5",
                 "/opt/gaff/share/man/man8/gaff-worker.8",
                 "/opt/gaff/share/doc/gaff/conf/nginx.conf",
                 "/opt/gaff/share/bash-completion/completions/gaff",
                 "/opt/gaff/lib/sysusers.d/gaff.conf",
                 "/opt/gaff/lib/tmpfiles.d/gaff.conf",
                 "/etc/lighttpd/conf-available/50-gaff.conf",
                 "/etc/apache2/conf-available/gaff.conf",
                 "/etc/nginx/snippets/gaff.conf", "/etc/gaff/gaff.conf"):
        assert name in found, found
    # nothing names a program that is elsewhere
    for name in found:
        if name.startswith("/opt/gaff/bin") or "/lib/gaff/" in name:
            continue
        text = (installed / name[1:]).read_text()
        assert not re.search(r"/usr/(bin|lib)/gaff", text) or "/man/" in name


def test_files_of_etc_are_kept(installed):
    """What was edited stays as it is when gaff is installed again."""
    path = installed / "etc/gaff/gaff.conf"
    text = path.read_text()
    path.write_text(text + "# mine\n")
    make("install", f"O={BUILT}", f"DESTDIR={installed}", "prefix=/opt/gaff")
    assert path.read_text() == text + "# mine\n"
    path.write_text(text)


def test_first_configuration(site, installed):
    """It needs no secret: gateway and worker start with it."""
    text = (installed / "etc/gaff/gaff.conf").read_text()
    assert "[source" not in text and "[route" not in text
    site.mkdir("lib")
    text = re.sub(r"^metrics = .*\n", "", text, flags=re.M)  # a fixed port
    site.write("gaff.conf", text.replace("/run/gaff/", site.path("run/"))
               .replace("/var/lib/gaff/", site.path("lib/"))
               .replace("group = gaff-link", "")
               .replace("to = auto", "to = stderr"))
    site.mkdir("lib/dead")
    site.gaff("check")
    site.up()


UNITS = ["gaff-worker.service", "gaff-worker@.service",
         "gaff-gateway.service", "gaff-gateway.socket",
         "gaff-gateway@.service", "gaff-gateway@.socket",
         "gaff-gateway-extra@.service"]


@pytest.mark.parametrize("dropin", [None, "gaff-worker-users.conf"])
def test_units(site, installed, dropin):
    """systemd reads each, instances and drop-in too, and says nothing.  The
    programs' paths become this build's."""
    names = []
    for name in UNITS:
        text = (installed / "opt/gaff/lib/systemd/system" / name).read_text()
        assert "/opt/gaff/" in text or name.endswith(".socket")
        text = re.sub(r"^ExecStart=.*/", f"ExecStart={site.bin}/", text,
                      flags=re.M)
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
        names.append(site.write(name.replace("@", "@two"), text))
    if dropin:
        for name in ("gaff-worker.service.d", "gaff-worker@two.service.d"):
            site.mkdir(name)
            shutil.copy(os.path.join(ROOT, "conf", dropin), site.path(name))
    run = subprocess.run([program("systemd-analyze"), "verify", *names],
                         capture_output=True, text=True)
    assert run.returncode == 0 and not run.stderr, run.stderr


@pytest.mark.parametrize("how", ["environment", "arguments"])
def test_flags_are_added(tmp_path, how):
    """The builder's flags are in every command, ours beside them."""
    goal = ["-n", "V=1", f"O={tmp_path}/out", f"{tmp_path}/out/gaff.fcgi"]
    if how == "environment":
        out = make(*goal, **FLAGS)
    else:
        out = make(*goal, *(f"{k}={v}" for k, v in FLAGS.items()))
    compiled = [x for x in out.splitlines() if " -c -o " in x]
    linked = [x for x in out.splitlines() if "gaff.fcgi " in x and "-lzmq" in x]
    assert len(compiled) > 20 and len(linked) == 1, out
    for line in compiled:
        for flag in ("-O0", "-DFROM_C", "-DFROM_CPP", "-D_GNU_SOURCE",
                     "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"):
            assert flag in line.split(), line
    assert "--build-id=none" in linked[0] and "-z,now" in linked[0]


def test_fortify_is_the_builders(tmp_path):
    out = make("-n", "V=1", f"O={tmp_path}/out", f"{tmp_path}/out/shared/buf.o",
               CPPFLAGS="-D_FORTIFY_SOURCE=3")
    assert "_FORTIFY_SOURCE=3" in out and "_FORTIFY_SOURCE=2" not in out


def test_reproducible(tmp_path):
    """Two builds in different directories are the same to the byte."""
    built = []
    for name in ("one", "a/longer/two"):
        tree = tmp_path / name
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(
            "build", ".git", "__pycache__"))
        make("-j2", "build/gaff.fcgi", cwd=tree, CFLAGS="-O0 -g")
        built.append((tree / "build/gaff.fcgi").read_bytes())
    assert built[0] == built[1]
    assert str(tmp_path).encode() not in built[0]


# ---- bash completion ----

def complete(site, line):
    """What Tab offers after `line`."""
    words = line.split(" ")
    script = f"""
source {ROOT}/conf/gaff.bash-completion
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_gaff
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    run = subprocess.run(
        ["bash", "-c", script, "bash", f"{site.bin}/gaff", *words[1:]],
        capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "GAFF_CONFIG": site.conf})
    assert not run.stderr, run.stderr
    return run.stdout.split()


def verbs(site):
    text = site.gaff("--help").stdout.decode()
    return re.findall(r"^  ([a-z]+) {2,}", text, re.M)


def test_completes_verbs(site):
    assert complete(site, "gaff ") == verbs(site)
    assert complete(site, "gaff sch") == ["schemes"]
    assert complete(site, "gaff dead ") == ["list", "show", "replay", "purge"]


def test_completes_options(site):
    """Every option of every verb's help."""
    lines = verbs(site) + ["dead list", "dead purge", "rejected list",
                           "store backup"]
    for verb in lines:
        text = site.gaff(*verb.split(), "--help").stdout.decode()
        options = re.findall(r"^  (--?[a-z-]+)", text, re.M)
        assert options or verb in ("dead", "rejected", "store"), text
        assert complete(site, f"gaff {verb} -") == options


def test_completes_names(site):
    site.configure("""
[source one]
scheme = none
unverified = yes
[route first]
run = /bin/true
""")
    site.mkdir("conf.d")
    site.write("conf.d/more.conf", "[source two]\nscheme = none\nunverified = yes\n")
    assert complete(site, "gaff events --source ") == ["one", "two"]
    assert complete(site, "gaff dead list --source t") == ["two"]
    assert complete(site, "gaff events --route ") == ["first"]
    assert complete(site, "gaff pause f") == ["first"]
    assert complete(site, "gaff status --worker ") == ["local"]
    assert complete(site, "gaff send --scheme git") == [
        x for x in schemes(site) if x.startswith("git")]
    assert complete(site, f"gaff -c {site.conf} show --b") == ["--body"]


def schemes(site):
    lines = site.gaff("schemes").stdout.decode().splitlines()[1:]
    assert max(map(len, lines)) < 200, "a line that no terminal shows"
    return [line.split()[0] for line in lines]
