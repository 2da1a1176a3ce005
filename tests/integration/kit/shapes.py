"""Requests of every shape, and what each web server makes of them.

`SHAPES` is the golden table: name -> (how to make the bytes, expected
status).  The expectation is a number, or a dict by kind of server or its
family, with "*" for the rest.  0: the connection ends without an answer.
"""

import itertools

from . import sign, web

SOURCES = """
[source hub]
scheme = github
secret = {github}
max_body = 1M
[source tok]
scheme = token
secret = {token}
[source far]
scheme = none
allow = 192.0.2.0/24
[route keep]
run = {handler}
"""

number = itertools.count(1)


def body_of(n=0):
    """A JSON body that no other shape has; padded to n bytes."""
    text = b'{"n": %d, "pad": "' % next(number)
    return text + b"x" * max(0, n - len(text) - 2) + b'"}'


def delivery():
    return f"d-{next(number)}"


def hub(body=None, path="/hooks/hub", before=(), after=(), drop=(), **more):
    """A good request of source hub, with headers added or left out."""
    body = body_of() if body is None else body
    headers = [h for h in sign.github(body, delivery()) if h[0] not in drop]
    return web.request(path, [*before, *headers, *after], body, **more)


def signature(body):
    return dict(sign.github(body, "x"))["X-Hub-Signature-256"]


BAD = "sha256=" + "0" * 64
SIGNATURE = "X-Hub-Signature-256"


def twice(first, second, name=SIGNATURE):
    """The signature header two times; "good" is the right one."""
    body = body_of()
    good = signature(body)
    return hub(body, drop=(SIGNATURE,), after=[
        (name, good if first == "good" else BAD),
        (SIGNATURE, good if second == "good" else BAD)])


def only_underscore():
    body = body_of()
    return hub(body, drop=(SIGNATURE,), after=[
        ("X_Hub_Signature_256", signature(body))])


def chunked(size, extra=()):
    body = body_of(size)
    parts = [body[i:i + 8000] for i in range(0, len(body), 8000)]
    data = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)
    head = hub(body, after=[("Transfer-Encoding", "chunked"), *extra],
               length=-1)
    return head[:head.index(b"\r\n\r\n") + 4] + data + b"0\r\n\r\n"


def length_and_chunked():
    body = body_of()
    raw = hub(body, after=[("Transfer-Encoding", "chunked")])
    head = raw[:raw.index(b"\r\n\r\n") + 4]
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def edited(old, new):
    """A good request with some bytes of its head exchanged."""
    raw = hub()
    assert old in raw
    return raw.replace(old, new, 1)


def one_zero():
    raw = hub()
    return raw.replace(b"HTTP/1.1\r\nHost: localhost\r\n", b"HTTP/1.0\r\n", 1)


def tok(headers):
    return web.request("/hooks/tok", headers, body_of())


SHAPES = {
    # ---- good ones ----
    "good": (hub, 200),
    "every byte": (lambda: hub(bytes(range(256)) + body_of()), 200),
    "query": (lambda: hub(path="/hooks/hub?a=b&c"), 200),
    "900 kB": (lambda: hub(body_of(900_000)), 200),
    "limit": (lambda: hub(body_of(1 << 20)), 200),
    "chunked": (lambda: chunked(300), 200),
    "chunked 900 kB": (lambda: chunked(900_000), 200),
    "expect": (lambda: hub(after=[("Expect", "100-continue")]), 200),
    "http 1.0": (one_zero, 200),
    "bytes over 0x7f": (lambda: hub(after=[("X-O", b"\xc3\xa4\xff")]), 200),
    "proxy header": (lambda: hub(after=[("Proxy", "http://evil")]), 200),
    "hop by hop trick": (lambda: edited(
        b"Connection: close", b"Connection: close, " + SIGNATURE.encode()),
        200),
    "bearer": (lambda: tok(sign.bearer()), 200),
    "unrelated header twice": (lambda: hub(
        after=[("X-O", "1"), ("X-O", "2")]), 200),
    # ---- verification ----
    "bad signature": (lambda: hub(drop=(SIGNATURE,), after=[
        (SIGNATURE, BAD)]), 401),
    "no signature": (lambda: hub(drop=(SIGNATURE,)), 401),
    "empty signature": (lambda: hub(drop=(SIGNATURE,), after=[
        (SIGNATURE, "")]), 401),
    "signature twice": (lambda: twice("good", "good"), 401),
    "bad and good": (lambda: twice("bad", "good"), 401),
    "good and bad": (lambda: twice("good", "bad"), 401),
    # lighttpd makes X_Hub and X-Hub one name: that is twice
    "underscore before": (lambda: twice(
        "bad", "good", "X_Hub_Signature_256"), {"lighttpd": 401, "*": 200}),
    "underscore alone": (only_underscore, {"lighttpd": 200, "*": 401}),
    "bad token": (lambda: tok(sign.bearer("wrong-wrong-wrong")), 401),
    "no token": (lambda: tok([sign.JSON]), 401),
    "forwarded for": (lambda: web.request("/hooks/far", [
        ("X-Forwarded-For", "192.0.2.7")], b"x"), 403),
    "trailing byte": (lambda: hub()[:-2] + b"]}", 401),
    # ---- sizes ----
    "over the source's limit": (lambda: hub(body_of((1 << 20) + 1)), 413),
    "chunked over the limit": (lambda: chunked((1 << 20) + 1), 413),
    "over the server's limit": (lambda: hub(body_of(34_000_000)),
                                {"apache-fcgid": 500, "*": 413}),
    "header of 8.3 kB": (lambda: hub(after=[("X-O", "x" * 8300)]),
                         {"lighttpd": 431, "*": 400}),
    # ---- malformed ----
    "length twice": (lambda: hub(after=[("Content-Length", "1")]), 400),
    "length and chunked": (length_and_chunked, {"apache": 200, "*": 400}),
    "negative length": (lambda: edited(b"Content-Length: ",
                                       b"Content-Length: -"), 400),
    "space before colon": (lambda: edited(
        b"X-GitHub-Event:", b"X-GitHub-Event :"), 400),
    "NUL in a header": (lambda: hub(after=[("X-O", b"a\0b")]), 400),
    "folded header": (lambda: hub(after=[("X-O", "a\r\n b")]),
                      {"nginx": 400, "*": 200}),
    "content type twice": (lambda: hub(
        after=[("Content-Type", "text/plain")]),
        {"lighttpd": 400, "*": 200}),
    # ---- paths ----
    "no such source": (lambda: hub(path="/hooks/nobody"), 404),
    "longer path": (lambda: hub(path="/hooks/hub/x"), 404),
    "slash behind": (lambda: hub(path="/hooks/hub/"), 404),
    "two slashes": (lambda: hub(path="/hooks//hub"), 400),
    "escaped letter": (lambda: hub(path="/hooks/%68ub"), 400),
    "escaped slash": (lambda: hub(path="/hooks/x%2F..%2Fhub"),
                      {"apache": 404, "*": 400}),
    "dot segments": (lambda: hub(path="/hooks/x/../hub"), 400),
    "dot segment": (lambda: hub(path="/hooks/./hub"), 400),
    "absolute form": (lambda: hub(path="http://localhost/hooks/hub"), 200),
    "method": (lambda: web.request("/hooks/hub", [], method="GET",
                                   length=-1), 405),
    "put": (lambda: web.request("/hooks/hub", [], b"x", method="PUT"), 405),
}


def expected(kind, family, what):
    if not isinstance(what, dict):
        return what
    return what.get(kind, what.get(family, what.get("*")))
