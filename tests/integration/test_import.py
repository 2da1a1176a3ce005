"""gaff import, against Debian's webhook itself: the same requests start the
same commands behind both.

Turns red when: what is translated takes a request that webhook refuses or the
other way round, does not pass `gaff check`, or shows a secret.
"""

import hmac
import json
import os
import stat

import pytest

from kit import web
from kit.process import Process, program
from kit.servers import free_port
from kit.wait import until

SECRET, OTHER = "s3cret-of-the-tests", "another-secret"
JSON = ("Content-Type", "application/json")


def value(source, name, text):
    return {"match": {"type": "value", "value": text,
                      "parameter": {"source": source, "name": name}}}


def regex(source, name, text):
    return {"match": {"type": "regex", "regex": text,
                      "parameter": {"source": source, "name": name}}}


def signature(header, kind="sha256", secret=SECRET):
    return {"match": {"type": "payload-hmac-" + kind, "secret": secret,
                      "parameter": {"source": "header", "name": header}}}


HUB = signature("X-Hub-Signature-256")
RULES = {
    "signed": HUB,
    "sha1": signature("X-Hub-Signature", "sha1"),
    "plain-512": signature("X-Sign", "sha512"),
    "branch": {"and": [HUB, value("payload", "ref", "refs/heads/main")]},
    "deep": {"and": [HUB, regex("payload", "commits.0.id", "^[0-9a-f]+$"),
                     value("payload", "n", "1")]},
    "either": {"and": [HUB, {"or": [value("header", "X-Event", "push"),
                                    value("url", "force", "yes")]}]},
    "not": {"and": [HUB, {"not": value("payload", "ref", "x")}]},
    "token": value("header", "X-Token", SECRET),
    "query": value("url", "token", SECRET),
    "gitlab": {"and": [value("header", "X-Gitlab-Token", SECRET),
                       value("payload", "ref", "refs/heads/main")]},
    "here": {"match": {"type": "ip-whitelist", "ip-range": "127.0.0.0/8"}},
    "there": {"match": {"type": "ip-whitelist", "ip-range": "10.0.0.0/8"}},
}
BODIES = [b'{"ref":"refs/heads/main","n":1,"commits":[{"id":"0af"}]}',
          b'{"ref":"x","n":2,"commits":[{"id":"0ag"}]}',
          b'{"commits":[]}']


def mac(body, kind="sha256", secret=SECRET):
    return hmac.new(secret.encode(), body, kind).hexdigest()


def proofs(body):
    """Headers of a good request for every rule, and what may be wrong."""
    good = {"X-Hub-Signature-256": "sha256=" + mac(body),
            "X-Hub-Signature": "sha1=" + mac(body, "sha1"),
            "X-Sign": mac(body, "sha512"), "X-Event": "push",
            "X-Token": SECRET, "X-Gitlab-Token": SECRET}
    yield "good", good
    yield "no event", {**good, "X-Event": "issues"}
    yield "nothing", {}
    yield "forged", {name: "sha256=" + 64 * "0" for name in good}
    yield "other secret", {
        **good, "X-Hub-Signature-256": "sha256=" + mac(body, secret=OTHER),
        "X-Hub-Signature": "sha1=" + mac(body, "sha1", OTHER),
        "X-Sign": mac(body, "sha512", OTHER), "X-Token": OTHER,
        "X-Gitlab-Token": OTHER}


def requests():
    """Name, query, headers, body."""
    for i, body in enumerate(BODIES):
        for name, headers in proofs(body):
            for query in ("", f"?force=yes&token={SECRET}"):
                yield (f"body {i}, {name}, {query[:6]}", query,
                       [JSON, *headers.items()], body)


def hooks(rules):
    return [{"id": name, "execute-command": "/bin/true",
             "response-message": "taken", "trigger-rule": rule}
            for name, rule in rules.items()]


def imported(text):
    """Sources and routes, without the worker that the page suggests."""
    return text[text.index("\n# ---- "):]


@pytest.fixture
def webhook(site):
    """Debian's, with the same hooks."""
    site.write("hooks.json", json.dumps(hooks(RULES)))
    port = free_port()
    process = Process("webhook", [
        program("webhook"), "-hooks", site.path("hooks.json"), "-ip",
        "127.0.0.1", "-port", str(port), "-verbose"], site.dir)
    process.wait_log("serving hooks on", 20)

    def listens():
        try:
            web.connect(port, 1).close()
            return True
        except OSError:
            return False
    until(listens, "webhook listens", 20)
    return port


def runs(site, name, answer):
    """Whether the command runs: the event was accepted, and the filter let it
    through."""
    if answer.status != 200:
        return False
    assert answer.body == b"taken"
    event = answer.header("gaff-event-id")
    until(lambda: site.show(event)["routed"], "the event is routed", 20)
    return list(site.deliveries(event)) == [name]


def test_same_requests_are_taken(site, webhook):
    text = site.gaff("import", "hooks.json", "--secrets",
                     "secrets").stdout.decode()
    assert SECRET not in text
    site.configure(imported(text))
    site.gaff("check")
    site.worker()
    site.gateway()
    n = {True: 0, False: 0}
    for name in RULES:
        for what, query, headers, body in requests():
            path = f"/hooks/{name}{query}"
            there = web.post(webhook, path, headers, body)
            here = site.post(path, headers, body)
            taken = there.body == b"taken"
            assert runs(site, name, here) == taken, (
                f"{name}: {what}\nwebhook: {there.status} {there.body}\n"
                f"gaff: {here.status} {here.body}\n{text}")
            n[taken] += 1
    assert n[True] > 50 and n[False] > 150, n


def test_secrets(site):
    """For their owner only, and never over one that is there."""
    rules = {"a": HUB, "b": {"or": [HUB, signature("X-Hub-Signature-256",
                                                   secret=OTHER)]}}
    site.write("hooks.json", json.dumps(hooks(rules)))
    run = site.gaff("import", "hooks.json")
    assert b"2 hooks, 0 wait for you; 3 secrets were left out" in run.stderr
    run = site.gaff("import", "hooks.json", "--secrets", "kept")
    for text in (run.stdout, run.stderr):
        assert SECRET.encode() not in text and OTHER.encode() not in text
    assert stat.S_IMODE(os.stat(site.path("kept")).st_mode) == 0o700
    found = {}
    for name in os.listdir(site.path("kept")):
        path = os.path.join(site.path("kept"), name)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with open(path) as f:
            found[name] = f.read()
    assert found == {"a": SECRET + "\n", "b": SECRET + "\n",
                     "b.2": OTHER + "\n"}
    site.configure(imported(run.stdout.decode()))
    site.gaff("check")
    run = site.gaff("import", "hooks.json", "--secrets", "kept", code=1)
    assert b"kept/a: File exists" in run.stderr and run.stdout == b""


def test_decisions_are_left_to_people(site):
    """A source that would let everybody in is an error until somebody says
    so."""
    site.write("hooks.json", json.dumps(
        [{"id": "open", "execute-command": "/bin/true"}]))
    text = site.gaff("import", "hooks.json").stdout.decode()
    site.configure(imported(text))
    assert b"scheme = none lets everybody in" in site.gaff(
        "check", code=1).stderr
    site.configure(imported(text.replace("# unverified", "unverified")))
    site.gaff("check")


def test_what_is_no_hooks(site):
    for text, words in ((b"- id: a\n", b"no YAML"), (b"{}", b"an array"),
                        (b"[{}]", b"hook 1 has no id"), (b"", b"hooks.json:")):
        site.write("hooks.json", text)
        run = site.gaff("import", "hooks.json", code=1)
        assert words in run.stderr and run.stdout == b""
