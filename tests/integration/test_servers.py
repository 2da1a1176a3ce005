"""The same requests through each web server, with the files of conf/.

Turns red when: fcgi/request.c takes the first of two equal parameters
(underscore before), when the path grammar in fcgi/ingest.c decodes or
normalises, when a body that came short is verified, when a shipped file of
conf/ loses CGIPassAuth, FcgidMaxRequestLen or client_max_body_size.
"""

import socket
import time

import pytest

from kit import sign, web
from kit.servers import KINDS
from kit.shapes import SHAPES, SOURCES, body_of, expected, hub
from kit.wait import until


@pytest.fixture(scope="module")
def served(shared_site):
    """A worker, a gateway, and servers started when first asked for."""
    site = shared_site
    site.up(SOURCES.format(
        github=site.secret("github", sign.GITHUB),
        token=site.secret("token", sign.TOKEN),
        handler=site.handler()))
    servers = {}

    def get(kind):
        if kind not in servers:
            servers[kind] = site.server(kind)
        return servers[kind]
    get.site = site
    return get


def fits(answer, want, server):
    assert answer.status == want, (
        f"expected: {want} through {server.kind}\n"
        f"found: {answer.status} {answer.body[:300]!r}\n"
        f"{server.error_log()[-1500:]}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_shape(served, kind, shape):
    make, want = SHAPES[shape]
    server = served(kind)
    raw = make()
    answer = web.exchange(server.port, raw)
    want = expected(kind, server.family, want)
    fits(answer, want, server)
    if want == 200:
        is_stored(served.site, raw, answer)
    if want == 401:
        assert answer.header("www-authenticate"), answer.headers
    if want == 405:
        assert answer.header("allow") == "POST", answer.headers


def is_stored(site, raw, answer):
    """The event is there, and its handler saw the bytes that were sent."""
    event = answer.json()
    assert event["status"] == "accepted", event
    assert answer.header("gaff-event-id") == event["id"]
    run = until(lambda: [r for r in site.runs()
                         if r["env"]["GAFF_EVENT_ID"] == event["id"]],
                "the handler ran")[0]
    body = raw.partition(b"\r\n\r\n")[2]
    if b"\r\nTransfer-Encoding: chunked" in raw:
        body = web.unchunk(body)
    assert run["sha256"] == sign.sha256(body)


@pytest.mark.parametrize("kind", KINDS)
def test_body_cut_off(served, kind):
    """Half a body is no event."""
    server, site = served(kind), served.site
    before = event_count(site)
    raw = hub(body_of(20_000))
    with web.connect(server.port) as s:
        s.sendall(raw[:-10_000])
        s.shutdown(socket.SHUT_WR)
        answer = web.receive(s)
    assert answer.status in (0, 400, 408, 500), answer
    raw = hub()
    fits(web.exchange(server.port, raw), 200, server)
    assert event_count(site) == before + 1


def event_count(site):
    return len(site.json("events", "--limit", "1000"))


@pytest.mark.parametrize("kind", KINDS)
def test_slow_body(served, kind):
    """A body that comes in pieces arrives whole."""
    server, raw = served(kind), hub(body_of(5000))
    head = raw.index(b"\r\n\r\n") + 4
    with web.connect(server.port) as s:
        s.sendall(raw[:head])
        for at in range(head, len(raw), 1000):
            time.sleep(0.05)
            s.sendall(raw[at:at + 1000])
        answer = web.receive(s)
    fits(answer, 200, server)
    is_stored(served.site, raw, answer)


@pytest.mark.parametrize("kind", KINDS)
def test_kept_connection(served, kind):
    """Requests that follow each other on one connection, refused ones with
    a body between them, are each answered for themselves."""
    server = served(kind)
    plan = [(hub(), 200), (hub(body_of(70_000), path="/hooks/nobody"), 404),
            (hub(), 200)]
    with web.connect(server.port) as s:
        for raw, want in plan:
            s.sendall(raw.replace(b"Connection: close\r\n", b"", 1))
            answer = web.receive(s)
            fits(answer, want, server)
            if answer.header("connection") == "close":
                break


@pytest.mark.parametrize("kind", KINDS)
def test_many_at_once(served, kind):
    """Forty connections at a time: each gets its own event's id."""
    server, site = served(kind), served.site
    count = 40
    sockets, ids = [], set()
    for _ in range(count):
        s = web.connect(server.port)
        s.sendall(hub())
        sockets.append(s)
    for s in sockets:
        with s:
            answer = web.receive(s)
        fits(answer, 200, server)
        ids.add(answer.json()["id"])
    assert len(ids) == count
    stored = {e["id"] for e in site.json("events", "--limit", "1000")}
    assert ids <= stored


@pytest.mark.parametrize("kind", [k for k in KINDS
                                  if KINDS[k][2] == "socket"])
def test_health(served, kind):
    server = served(kind)
    fits(web.get(server.port, "/-/health"), 200, server)
    fits(web.get(server.port, "/-/ready"), 200, server)
    fits(web.get(server.port, "/-/other"), 404, server)
