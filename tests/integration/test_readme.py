"""README's set-up, done as it is written, for each web server.

Each runs in a root of its own (kit/host.py): what is installed, which users
are made and who reads what is as on a host that never had gaff.
"""

import json
import os
import re

import pytest

from kit import host
from kit.site import BUILT, ROOT

SERVERS = {"lighttpd": "lighty-enable-mod", "apache": "a2enconf",
           "nginx": "sites-available"}

# what somebody would look at; the delivery may still be under way
LOOK = r"""
set +x
for i in $(seq 600); do
	[ "$(gaff events --state delivered --json)" = '[]' ] || break
	sleep 0.1
done
echo "found: events $(gaff events --json | tr -d '\n')"
echo "found: last $(tr -d '\n' </var/lib/gaff/last)"
for path in /run/gaff/fcgi.sock /etc/gaff/secrets/github /var/lib/gaff \
	/var/lib/gaff/last; do
	echo "found: $path $(stat -c '"%U:%G %a"' $path)"
done
"""


def blocks():
    """The commands of the set-up: (before, {server: its own}, after)."""
    with open(os.path.join(ROOT, "README.md")) as f:
        part = f.read().split("\n## Set it up\n")[1].split("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```", part, re.M | re.S)
    own = {name: [b for b in found if word in b]
           for name, word in SERVERS.items()}
    assert all(len(b) == 1 for b in own.values()), own
    at = [found.index(b[0]) for b in own.values()]
    assert at == list(range(at[0], at[0] + 3)), "one behind the other"
    return (found[:at[0]], {n: b[0] for n, b in own.items()},
            found[at[-1] + 1:])


@pytest.mark.parametrize("server", SERVERS)
def test_set_up(server, tmp_path):
    before, own, after = blocks()
    out = os.path.relpath(BUILT, ROOT)
    env = {"MAKEFLAGS": f"O={out} SAN={int(out.endswith('san'))}"}
    script = "".join([*before, own[server], *after, LOOK])
    run = host.run(script, ROOT, str(tmp_path), env)
    assert run.returncode == 0, run.stdout[-8000:]
    found = {name: json.loads(text) for name, text in re.findall(
        r"^found: (\S+) (.*)$", run.stdout, re.M)}
    assert [(e["source"], e["type"]) for e in found["events"]] == [
        ("github", "push")], found
    assert found["events"][0]["deliveries"][0]["state"] == "delivered"
    assert "repository" in found["last"]
    root = "root:root" if os.getuid() != 0 else None
    assert {path: found[path] for path in found if path[0] == "/"} == {
        "/run/gaff/fcgi.sock": f"{root or 'gaff-gw:www-data'} 660",
        "/etc/gaff/secrets/github": f"{root or 'root:gaff-gw'} 640",
        "/var/lib/gaff": f"{root or 'gaff:gaff'} 750",
        "/var/lib/gaff/last": f"{root or 'gaff:gaff'} 644"}
    assert re.search(r"^worker local +accepting", run.stdout, re.M)
