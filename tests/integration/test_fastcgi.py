"""FastCGI spoken straight to the gateway: smuggling and hostile peers.

What is sent on at once turns red when a thread waits for its turn with events
that nobody was told of (fcgi/pool.c).  Smuggling turns red when fcgi/request.c keeps a connection (FCGX_Finish_r
without FCGX_Free(…, 1)) and does not read the body to its end.  The GET_VALUES
and long-length cases turn red (the gateway aborts inside libfcgi) when the
check of a connection's first record is taken out of fcgi/listen.c.
"""

import re
import socket
import struct

import pytest

from kit import fastcgi, sign, web
from kit.fastcgi import BEGIN, KEEP_CONN, PARAMS, STDIN
from kit.wait import until

CONFIG = """
[source hub]
scheme = github
secret = {secret}
max_body = 100k
[source near]
scheme = none
allow = 198.51.100.7/32
"""


@pytest.fixture(scope="module")
def up(shared_site):
    site = shared_site
    return site.up(CONFIG.format(secret=site.secret("github", sign.GITHUB)))


def good(site, delivery):
    body = b'{"good": "%s"}' % delivery.encode()
    return site.post("/hooks/hub", sign.github(body, delivery), body)


def is_alive(site, delivery):
    """The same gateway process still takes a good event."""
    assert site.gateways[0].alive(), site.gateways[0].tail()
    answer = good(site, delivery)
    assert answer.status == 200, answer


def forged(size=6):
    """A whole request for a source that only one address may use."""
    return fastcgi.request("/hooks/near", [sign.JSON], b"f" * size,
                           flags=KEEP_CONN, REMOTE_ADDR="198.51.100.7")


EARLY = {
    "too large": ("/hooks/hub", [sign.JSON], 413),
    "no such source": ("/hooks/nobody", [sign.JSON], 404),
    "no signature": ("/hooks/hub", [sign.JSON], 401),
    "wrong address": ("/hooks/near", [sign.JSON], 403),
    "no method": ("/hooks/hub", [sign.JSON], 405),
}


def aligned(body_len, shift):
    """Forged requests of 8192 bytes each, the first `shift` bytes in."""
    one = forged(8192 - len(forged(4000)) + 4000)
    assert len(one) == 8192
    return (b"x" * shift + one * (body_len // 8192))[:body_len]


@pytest.mark.parametrize("case", EARLY)
@pytest.mark.parametrize("how", ["one record", "raw", "small records"])
def test_unread_body_is_no_request(up, case, how):
    """After an early answer the rest of a body must never be parsed as
    FastCGI records, though the peer asked to keep the connection."""
    path, headers, want = EARLY[case]
    size = 60_000 if want == 401 else 200_000
    method = "PUT" if want == 405 else "POST"
    before = near_events(up)
    begin = (fastcgi.begin(flags=KEEP_CONN) + fastcgi.stream(
        PARAMS, fastcgi.pairs(fastcgi.params(path, headers, size, method))))
    # libfcgi reads 8192 bytes at a time from the connection's first byte on
    for shift in (-(len(begin) + 8) % 8192, 0, 4096):
        body, raw = aligned(size, shift), begin
        if how == "one record":
            raw += fastcgi.stream(STDIN, body)
        elif how == "small records":
            raw += fastcgi.stream(STDIN, body, size=8184)
        else:  # the body's records end early, forged ones follow
            raw += fastcgi.record(STDIN, b"short") + forged() * 50
        with web.connect(up.listen, timeout=2) as s:
            send_what_it_takes(s, raw)
            found = fastcgi.answers(fastcgi.read_all(s, must_close=False))
        assert len(found) == 1, (
            f"expected: one answer\nfound: {[a.status for a in found]}, "
            f"{near_events(up) - before} forged requests are stored")
        assert found[0].status in (want, 400, 0), found[0]
    assert near_events(up) == before, "a forged request was stored"
    is_alive(up, f"after-{case}-{how}")


def send_what_it_takes(s, raw):
    try:
        s.sendall(raw)
    except OSError:
        pass


def near_events(site):
    return len(site.json("events", "--source", "near"))


def test_forged_request_would_be_stored(up):
    """The forged bytes are a good request where they are one: the tests
    above do not pass because of a mistake in them."""
    before = near_events(up)
    answer = fastcgi.send(up.listen, forged())
    assert answer.status == 200, answer
    assert near_events(up) == before + 1


@pytest.mark.parametrize("want", [200, 401])
def test_second_request_on_a_kept_connection(up, want):
    """Whatever the first answer was, the connection is closed with it."""
    body = b'{"kept": %d}' % want
    headers = sign.github(body, f"kept-{want}",
                          secret=sign.GITHUB if want == 200 else "wrong")
    raw = fastcgi.request("/hooks/hub", headers, body, flags=KEEP_CONN)
    before = near_events(up)
    with web.connect(up.listen) as s:
        s.sendall(raw)
        data = s.recv(65536)
        send_what_it_takes(s, forged())
        found = fastcgi.answers(data + fastcgi.read_all(s))
    assert [a.status for a in found] == [want]
    assert near_events(up) == before


def test_second_request_sent_along(up):
    """Two requests in one go: at most the first one counts."""
    body = b'{"along": true}'
    raw = fastcgi.request("/hooks/hub", sign.github(body, "along"), body,
                          flags=KEEP_CONN)
    before = near_events(up)
    with web.connect(up.listen) as s:
        send_what_it_takes(s, raw + forged())
        found = fastcgi.answers(fastcgi.read_all(s))
    assert [a.status for a in found] in ([200], [0])
    assert near_events(up) == before


def long_pair():
    return struct.pack(">II", 0xffffffff, 0xffffffff) + b"x" * 64


def with_params(content):
    return (fastcgi.begin() + fastcgi.record(PARAMS, content)
            + fastcgi.record(PARAMS) + fastcgi.record(STDIN))


NAMES = fastcgi.pairs([("FCGI_MAX_CONNS", ""), ("FCGI_MAX_REQS", ""),
                       ("FCGI_MPXS_CONNS", ""), ("X" * 200, "")] * 20)

# more than the gateway can look at before libfcgi gets a connection
PLENTY = fastcgi.pairs([(f"HTTP_X_{i}", "v" * 400) for i in range(60)])

HOSTILE = {
    "long lengths late": fastcgi.begin() + fastcgi.record(
        PARAMS, PLENTY) + fastcgi.record(PARAMS, long_pair()),
    "get values late": fastcgi.begin() + fastcgi.record(
        PARAMS, PLENTY) + fastcgi.record(fastcgi.GET_VALUES, NAMES, 0),
    "get values in the body": fastcgi.request(
        "/hooks/hub", [sign.JSON], b"x" * 20000)[:-8] + fastcgi.record(
        fastcgi.GET_VALUES, NAMES, 0),
    "get values": fastcgi.record(fastcgi.GET_VALUES, NAMES, 0),
    "get values, then a request": fastcgi.record(
        fastcgi.GET_VALUES, NAMES, 0) + fastcgi.begin(),
    "get values inside": fastcgi.begin() + fastcgi.record(
        fastcgi.GET_VALUES, NAMES, 0),
    "long lengths": with_params(long_pair()),
    "near 2 GiB": with_params(struct.pack(">II", 0xfffffff0, 0x8000000f)),
    "length beyond the record": with_params(b"\x05\x7fHELLO"),
    "lone length byte": with_params(b"\x80"),
    "name with a NUL": with_params(fastcgi.pairs([("A\0B", "c")])),
    "name with =": with_params(fastcgi.pairs([("A=B", "c")])),
    "many parameters": with_params(fastcgi.pairs(
        [(f"HTTP_X_{i}", "v") for i in range(2000)])),
    "large parameters": fastcgi.begin() + fastcgi.stream(
        PARAMS, fastcgi.pairs([(f"HTTP_X_{i}", "v" * 60000)
                               for i in range(40)])) + fastcgi.record(STDIN),
    "no parameters": with_params(b""),
    "no method": fastcgi.begin() + fastcgi.stream(PARAMS, fastcgi.pairs(
        [("REQUEST_URI", "/hooks/hub")])) + fastcgi.record(STDIN),
    "authorizer": fastcgi.begin(role=fastcgi.AUTHORIZER),
    "filter": fastcgi.begin(role=fastcgi.FILTER),
    "role 77": fastcgi.begin(role=77),
    "unknown type": fastcgi.record(99, b"x" * 100, 0),
    "version 7": fastcgi.record(BEGIN, b"\0\1\0\0\0\0\0\0", 1, version=7),
    "begin twice": fastcgi.begin() + fastcgi.begin(),
    "short begin": fastcgi.record(BEGIN, b"\0\1"),
    "long begin": fastcgi.record(BEGIN, b"\0\1" + b"\0" * 600),
    "body first": fastcgi.record(STDIN, b"hello"),
    "abort at once": fastcgi.begin() + fastcgi.record(fastcgi.ABORT),
    "http": b"POST /hooks/hub HTTP/1.1\r\nHost: x\r\n\r\n",
    "one byte": b"\1",
    "nothing": b"",
    "zeros": b"\0" * 5000,
    "noise": bytes((i * 7919 >> 3) & 255 for i in range(20000)),
}


def end_of(sockets):
    """Nothing more comes from us: what each connection was answered."""
    found = {}
    for name, s in sockets.items():
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    for name, s in sockets.items():
        with s:
            found[name] = [a.status for a in fastcgi.answers(
                fastcgi.read_all(s))]
    return found


@pytest.mark.parametrize("part", range(3))
def test_hostile_peers(up, part):
    """Nothing is accepted, the connection ends, the process lives."""
    sockets = {}
    for case in list(HOSTILE)[part::3]:
        sockets[case] = web.connect(up.listen)
        send_what_it_takes(sockets[case], HOSTILE[case])
    for case, statuses in end_of(sockets).items():
        assert set(statuses) <= {0, 400, 404, 405, 431}, (case, statuses)
    is_alive(up, f"after-hostile-{part}")


def hub_request(delivery, body):
    return fastcgi.request("/hooks/hub", sign.github(body, delivery), body)


def test_every_truncation(up):
    """A good request cut off at any byte is no event."""
    body = b'{"cut": true}'
    raw = hub_request("cut", body)
    sockets = {}
    for n in range(0, len(raw) - 8, 7):
        sockets[n] = web.connect(up.listen)
        sockets[n].sendall(raw[:n])
    for n, statuses in end_of(sockets).items():
        assert set(statuses) <= {0, 400}, (n, statuses)
    found = [e for e in up.json("events", "--limit", "500")
             if e["key"] == "cut"]
    assert not found, found
    is_alive(up, "after-cut")


def test_abort_inside_the_body(up):
    body = b'{"abort": true}'
    raw = (fastcgi.begin() + fastcgi.stream(PARAMS, fastcgi.pairs(
        fastcgi.params("/hooks/hub", sign.github(body, "abort"), len(body))))
        + fastcgi.record(STDIN, body[:5]) + fastcgi.record(fastcgi.ABORT))
    for answer in [fastcgi.send(up.listen, raw)]:
        assert answer.status in (0, 400), answer
    is_alive(up, "after-abort")


@pytest.mark.parametrize("lie", [-3, 3])
def test_lying_length(up, lie):
    """CONTENT_LENGTH and the body must agree."""
    body = b'{"lie": %d}' % lie
    raw = (fastcgi.begin() + fastcgi.stream(PARAMS, fastcgi.pairs(
        fastcgi.params("/hooks/hub", sign.github(body, f"lie{lie}"),
                       len(body) + lie))) + fastcgi.stream(STDIN, body))
    answer = fastcgi.send(up.listen, raw)
    assert answer.status in (400, 401), answer
    is_alive(up, f"after-lie{lie}")


def test_slow_peers_hold_no_one_up(up):
    """More peers that stop in the middle than there are threads: they are
    cut off in time, and a good request is answered."""
    body = b'{"slow": true}'
    raw = hub_request("slow", body)
    slow = [web.connect(up.listen) for _ in range(40)]
    try:
        for s in slow:
            s.sendall(raw[:len(raw) - 12])
        answer = up.post("/hooks/hub", sign.github(b"{}", "quick"), b"{}",
                         timeout=25)
        assert answer.status == 200, answer
    finally:
        for s in slow:
            s.close()
    is_alive(up, "after-slow")


def test_client_that_does_not_wait(up):
    """A peer that leaves before the answer: the event may be stored, the
    gateway goes on."""
    for n in range(20):
        with web.connect(up.listen) as s:
            s.sendall(hub_request(f"gone-{n}", b'{"gone": %d}' % n))
    is_alive(up, "after-gone")


@pytest.mark.parametrize("name,value", [
    ("HTTP_X_HUB_SIGNATURE_256", "sha256=" + "0" * 64),
    ("REQUEST_URI", "/hooks/near"), ("REMOTE_ADDR", "198.51.100.7"),
    ("CONTENT_LENGTH", "3"), ("REQUEST_METHOD", "GET")])
@pytest.mark.parametrize("first", [True, False])
def test_parameter_twice(up, name, value, first):
    """A parameter that gaff uses and that came twice is refused."""
    body = b'{"twice": "%s"}' % name.encode()
    key = f"twice-{name}-{first}"
    params = fastcgi.params("/hooks/hub", sign.github(body, key), len(body))
    params = ([(name, value)] + params) if first else params + [(name, value)]
    raw = (fastcgi.begin() + fastcgi.stream(PARAMS, fastcgi.pairs(params))
           + fastcgi.stream(STDIN, body))
    answer = fastcgi.send(up.listen, raw)
    assert answer.status in (400, 401), answer


def test_slow_requests_are_sent_on_at_once(up):
    """One that comes in parts is served by a thread without a turn: the link
    is told of its event then, and does not find it 250 ms later."""
    for n in range(7):
        body = b'{"n": %d}' % n
        raw = fastcgi.request("/hooks/hub", sign.github(body, f"slow-{n}"),
                              body)
        with web.connect(up.listen, 15) as s:
            s.sendall(raw[:-20])
            # whoever has the turn now has told of all there was
            is_alive(up, f"beside-slow-{n}")
            s.sendall(raw[-20:])
            answer = fastcgi.answers(fastcgi.read_all(s))[0]
        assert answer.status == 200, answer

    def took():
        return sorted(float(ms) for ms in re.findall(
            r"key=slow-\d .* ms=([\d.]+)", up.gateways[0].log()))
    until(lambda: len(took()) == 7, "all are logged", found=took)
    assert took()[3] < 100, took()
