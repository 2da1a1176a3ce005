"""tests/tool/load, its ledger, and what the ledger must agree with.

The ledger's question: is every event that got a 2xx stored, with the same
SHA-256, delivered, and nothing stored that was never offered?
"""

import json
from contextlib import closing

from . import sign
from .process import Process
from .wait import until

SOURCE = """
[source load]
scheme = standard-webhooks
secret = {secret}
"""

DELIVERED, DEAD, CANCELLED = 4, 5, 6


def source(site):
    return SOURCE.format(secret=site.secret("load", sign.STANDARD))


class Load:
    """Events offered through a web server by a process of its own."""

    def __init__(self, site, server, count, prefix="load", connections=32,
                 rate=0, retry_ms=0, give_up=60, body=256):
        self.path = site.path(f"ledger-{prefix}")
        self.process = Process(f"load-{prefix}", [
            f"{site.bin}/load", "-p", str(server.port), "-s", sign.STANDARD,
            "-l", self.path, "-n", str(count), "-i", prefix,
            "-c", str(connections), "-r", str(rate), "-t", str(retry_ms),
            "-g", str(give_up), "-b", str(body)], site.dir)

    def running(self):
        return self.process.alive()

    def begun(self, lines=20):
        """Wait until answers come in."""
        until(lambda: self.count() >= lines, f"{lines} lines of the ledger",
              found=self.count)
        return self

    def count(self):
        try:
            with open(self.path, "rb") as f:
                return sum(1 for _ in f)
        except FileNotFoundError:
            return 0

    def wait(self, timeout=120):
        """The summary {offered, abandoned, ms, max_ms, answers}."""
        code = self.process.wait(timeout)
        assert code == 0, self.process.tail()
        return json.loads(self.process.log().splitlines()[-1])

    def only(self, *statuses):
        """Wait; no answer but these."""
        summary = self.wait()
        other = {k: v for k, v in summary["answers"].items()
                 if int(k) not in statuses}
        assert not other, f"expected: only {statuses}\nfound: {summary}"
        return summary

    def read(self):
        """(key -> SHA-256 offered, key -> status of its last answer, key ->
        id of its 2xx)."""
        offered, answered, ids = {}, {}, {}
        with open(self.path) as f:
            for line in f:
                words = line.split()
                if words[0] == "offered":
                    assert words[1] not in offered
                    offered[words[1]] = words[2]
                elif words[0] == "answer":
                    status = int(words[2])
                    answered[words[1]] = status
                    if 200 <= status < 300 and words[4] != "-":
                        ids[words[1]] = words[4]
        return offered, answered, ids


def stored(site, database="store/gaff.db"):
    """key -> (id, SHA-256) of what a stopped worker's store holds."""
    with closing(site.database(database)) as db:
        rows = db.execute("SELECT key, id, sha256 FROM event "
                          "WHERE source <> 'gaff'").fetchall()
    found = {}
    for key, event_id, digest in rows:
        assert key not in found, f"stored twice: {key}"
        text = event_id.hex()
        found[key] = ("-".join((text[:8], text[8:12], text[12:16],
                                text[16:20], text[20:])), digest.hex())
    return found


def states(site, database="store/gaff.db"):
    """route -> {state: deliveries} of a stopped worker's store."""
    found = {}
    with closing(site.database(database)) as db:
        for route, state, n in db.execute(
                "SELECT r.name, d.state, count(*) FROM delivery d "
                "JOIN route r ON r.id = d.route GROUP BY 1, 2"):
            found.setdefault(route, {})[state] = n
    return found


def check(loads, *stores):
    """Every 2xx is stored, once, with its bytes and its id; nothing is
    stored that was not offered.  Returns (offered, accepted, stored)."""
    offered, accepted, ids = {}, set(), {}
    for load in loads:
        new, answered, told = load.read()
        offered.update(new)
        ids.update(told)
        accepted |= {k for k, s in answered.items() if 200 <= s < 300}
    found = {}
    for store in stores:
        found.update(store)
    lost = sorted(accepted - set(found))
    assert not lost, (f"{len(lost)} of {len(accepted)} acknowledged events "
                      f"are lost: {lost[:5]}")
    foreign = sorted(set(found) - set(offered))
    assert not foreign, f"never offered: {foreign[:5]}"
    changed = [k for k, (_, digest) in found.items() if digest != offered[k]]
    assert not changed, f"other bytes are stored: {changed[:5]}"
    if len(stores) == 1:
        other = [k for k in ids if found[k][0] != ids[k]]
        assert not other, f"answered with another id: {other[:5]}"
    return len(offered), len(accepted), len(found)
