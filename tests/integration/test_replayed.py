"""Requests sent again under another name, where the key is not signed.

Turns red when: the body is not among the keys in the commit of its event
(worker/store_sqlite_put.c); an event is stored although it is refused; a flag
is lost on its way to the handler.
"""

import json
import os
import signal

import pytest

from kit import sign, web
from kit.servers import free_port
from kit.wait import until

GITHUB = """
[source github]
scheme = github
secret = {secret}
{strict}
[route keep]
run = {handler}
"""


def up(site, strict=True, **more):
    site.configure(GITHUB.format(
        secret=site.secret("github", sign.GITHUB), handler=site.handler(),
        strict="strict_replay = yes" if strict else ""), **more)
    site.worker()
    site.gateway()


def body(n):
    return json.dumps({"n": n, "ref": "refs/heads/main"}).encode()


def send(where, n, delivery):
    b = body(n)
    return where.post("/hooks/github", sign.github(b, delivery), b)


def runs(site, n):
    return until(lambda: len(site.runs()) >= n and site.runs(),
                 f"{n} handlers ran", found=lambda: len(site.runs()))


@pytest.mark.parametrize("kind", ["lighttpd", "apache-proxy", "nginx"])
def test_refused_behind_a_web_server(site, kind):
    """The first one and its retry are taken, the replay is not."""
    up(site)
    server = site.server(kind)
    first = send(server, 1, "d-1")
    assert first.status == 200, first
    again = send(server, 1, "d-1")
    assert again.status == 200 and b"duplicate" in again.body
    for key in ("d-2", "d-2", "d-3"):
        answer = send(server, 1, key)
        assert answer.status == 409, answer
        problem = json.loads(answer.body)
        assert problem["code"] == "replayed_body"
        assert dict(answer.headers)["content-type"] == \
            "application/problem+json"
    # its own key is free, and a known key takes another body
    assert send(server, 2, "d-2").status == 200
    assert send(server, 3, "d-1").status == 200
    site.workers["local"].wait_log("flags=changed_body")
    found = runs(site, 3)
    assert sorted((r["env"]["GAFF_KEY"], r["env"]["GAFF_FLAGS"])
                  for r in found) == [
        ("d-1", ""), ("d-1", "changed_body"), ("d-2", "")]
    listed = json.loads(site.gaff("events", "--json").stdout)
    assert len(listed) == 3
    gateway = site.gateways[0].log()
    assert gateway.count("msg=refused") == 3
    assert "status=409 reason=replayed_body" in gateway


def test_flagged_where_not_strict(site):
    """Taken, and seen as what it is: by handler, command line, log."""
    up(site, strict=False)
    assert send(site, 1, "d-1").status == 200
    assert send(site, 1, "d-2").status == 200
    assert send(site, 2, "d-1").status == 200
    assert send(site, 2, "d-2").status == 200
    assert {(r["env"]["GAFF_KEY"], r["env"]["GAFF_FLAGS"])
            for r in runs(site, 4)} == {
        ("d-1", ""), ("d-2", "replayed_body"), ("d-1", "changed_body"),
        ("d-2", "changed_body,replayed_body")}
    listed = json.loads(site.gaff("events", "--json").stdout)
    by_flags = {tuple(e["flags"]): e["id"] for e in listed}
    assert set(by_flags) == {(), ("replayed_body",), ("changed_body",),
                             ("changed_body", "replayed_body")}
    shown = site.gaff("show", by_flags[("replayed_body",)]).stdout.decode()
    assert "flags        replayed_body" in shown, shown
    assert ", replayed_body" in site.gaff("events").stdout.decode()
    log = site.workers["local"].log()
    assert log.count("msg=flagged") == 3, log


def metric(port, name):
    text = web.get(port, "/metrics").body.decode()
    return [float(line.split()[-1]) for line in text.splitlines()
            if line.startswith(name)]


def test_counted(site):
    port = free_port()
    up(site, worker=f"metrics = 127.0.0.1:{port}")
    assert send(site, 1, "d-1").status == 200
    for key in ("d-2", "d-3"):
        assert send(site, 1, key).status == 409
    until(lambda: metric(port, "gaff_refused_total{source=\"github\","
                         "reason=\"replayed_body\"}") == [2],
          "the gateway's count is told")
    assert metric(port, "gaff_events_flagged_total{source=\"github\","
                        "flag=\"replayed_body\"}") == [2]
    assert metric(port, "gaff_events_stored_total{source=\"github\"}") == [1]


def forget(site, event):
    until(lambda: b"delivered" in site.gaff("show", event).stdout,
          "it is delivered")
    site.gaff("forget", event, "--yes")


def test_known_after_a_kill(site):
    """What was answered 200 is known by its body from the first request of
    the next start on, also where the event is gone and only that is left."""
    up(site)
    forgotten = {f"d-{n}" for n in range(7, 40, 8)}
    for n in range(40):
        answer = send(site, n, f"d-{n}")
        assert answer.status == 200
        if f"d-{n}" in forgotten:
            forget(site, json.loads(answer.body)["id"])
            site.workers["local"].signal(signal.SIGKILL)
            site.workers["local"].wait()
            site.worker()
            site.wait_ready()
            for k in range(n - 7, n + 1):
                assert send(site, k, f"other-{n}-{k}").status == 409
                assert send(site, k, f"d-{k}").status == 200
    keys = [e["key"] for e in json.loads(
        site.gaff("events", "--limit", "500", "--json").stdout)]
    assert sorted(keys) == sorted(
        {f"d-{n}" for n in range(40)} - forgotten)


def test_known_after_forget_and_in_a_backup(site):
    up(site)
    event = json.loads(send(site, 1, "d-1").body)["id"]
    runs(site, 1)
    until(lambda: b"delivered" in site.gaff("events").stdout, "delivered")
    site.gaff("store", "backup", site.path("copy.db"))
    site.gaff("forget", event, "--yes")
    assert send(site, 1, "d-2").status == 409
    assert b"duplicate" in send(site, 1, "d-1").body
    site.workers["local"].stop()
    for name in os.listdir(site.path("store")):
        if name.startswith("gaff.db"):
            os.remove(site.path("store/" + name))
    site.write("store/gaff.db", open(site.path("copy.db"), "rb").read(),
               0o600)
    site.worker()
    site.wait_ready()
    assert send(site, 1, "d-2").status == 409
    assert send(site, 1, "d-1").status == 200


def test_check_refuses_it_where_the_key_is_signed(site):
    site.configure(f"""
[source stripe]
scheme = stripe
secret = {site.secret("stripe", sign.STRIPE)}
strict_replay = yes
""")
    said = site.gaff("check", code=1)
    assert b"strict_replay = yes: its scheme signs the id" in \
        said.stdout + said.stderr
