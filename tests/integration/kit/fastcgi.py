"""FastCGI spoken by hand: good requests and hostile ones."""

import socket
import struct

from . import web

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7
DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN = 8, 9, 10, 11
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
KEEP_CONN = 1


def record(kind, content=b"", request_id=1, padding=0, version=1):
    return struct.pack(">BBHHBx", version, kind, request_id, len(content),
                       padding) + content + b"\0" * padding


def begin(role=RESPONDER, flags=0, request_id=1):
    return record(BEGIN, struct.pack(">HB5x", role, flags), request_id)


def length(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)


def pairs(params):
    out = b""
    for name, value in params:
        name = name.encode("latin-1") if isinstance(name, str) else name
        value = value.encode("latin-1") if isinstance(value, str) else value
        out += length(len(name)) + length(len(value)) + name + value
    return out


def stream(kind, data, request_id=1, size=65535):
    """A stream's records with the empty one that ends it."""
    out = b""
    for at in range(0, len(data), size):
        out += record(kind, data[at:at + size], request_id)
    return out + record(kind, b"", request_id)


def params(path, headers=(), body_len=0, method="POST", **more):
    """What a web server would pass; `more` replaces or adds."""
    out = [("REQUEST_METHOD", method), ("REQUEST_URI", path),
           ("QUERY_STRING", path.partition("?")[2]),
           ("SCRIPT_NAME", path.partition("?")[0]),
           ("SERVER_PROTOCOL", "HTTP/1.1"), ("SERVER_NAME", "localhost"),
           ("SERVER_PORT", "80"), ("REMOTE_ADDR", "127.0.0.1"),
           ("REMOTE_PORT", "40000"), ("CONTENT_LENGTH", str(body_len))]
    for name, value in headers:
        key = name.upper().replace("-", "_")
        out.append((key if key == "CONTENT_TYPE" else "HTTP_" + key, value))
    return [p for p in out if p[0] not in more] + list(more.items())


def request(path, headers, body, flags=0, **more):
    """The bytes of a good request."""
    return (begin(flags=flags)
            + stream(PARAMS, pairs(params(path, headers, len(body), **more)))
            + stream(STDIN, body))


def post(address, path, headers, body=b"", timeout=15, **more):
    return send(address, request(path, headers, body, **more), timeout)


def get(address, path):
    raw = (begin() + stream(PARAMS, pairs(params(path, method="GET")))
           + record(STDIN))
    return send(address, raw)


def send(address, raw, timeout=15):
    """Send bytes, return the answer as a web server would understand it."""
    with web.connect(address, timeout) as s:
        try:
            s.sendall(raw)
        except OSError:
            pass
        return answers(read_all(s))[0]


def read_all(s, must_close=True):
    """Everything the gateway sends until it closes."""
    data = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            break
        except socket.timeout:
            if not must_close:
                break
            raise AssertionError(
                f"expected: the gateway closes within {s.gettimeout()} s\n"
                f"found: {data[:300]!r}") from None
        if not part:
            break
        data += part
    return data


def records(data):
    at = 0
    while at + 8 <= len(data):
        _, kind, request_id, n, pad = struct.unpack(">BBHHBx",
                                                    data[at:at + 8])
        yield kind, request_id, data[at + 8:at + 8 + n]
        at += 8 + n + pad


def answers(data):
    """One Answer for each request that was ended (at least one, empty)."""
    out, text = [], b""
    for kind, _, content in records(data):
        if kind == STDOUT:
            text += content
        elif kind == END:
            out.append(cgi_answer(text))
            text = b""
    return out or [web.Answer(0)]


def cgi_answer(text):
    head, sep, body = text.partition(b"\r\n\r\n")
    if not sep:
        return web.Answer(0)
    status, headers = 200, []
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        headers.append((name.strip().lower(), value.strip()))
    return web.Answer(status, headers, body)
