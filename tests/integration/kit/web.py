"""HTTP with every byte in the test's hands."""

import errno
import json
import socket
import time
from dataclasses import dataclass, field


@dataclass
class Answer:
    """status 0: the connection ended without an answer."""
    status: int
    headers: list = field(default_factory=list)
    body: bytes = b""
    seconds: float = 0.0

    def header(self, name):
        for key, value in self.headers:
            if key == name.lower():
                return value
        return None

    def json(self):
        return json.loads(self.body)


def parse(data):
    """An answer from its bytes; None while some are missing."""
    head, sep, rest = data.partition(b"\r\n\r\n")
    if not sep:
        return None
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    answer = Answer(status, headers)
    length = answer.header("content-length")
    if status == 100:
        return parse(rest)
    if length is not None:
        if len(rest) < int(length):
            return None
        answer.body = rest[:int(length)]
    elif answer.header("transfer-encoding") == "chunked":
        answer.body = unchunk(rest)
        return answer if answer.body is not None else None
    else:
        answer.body = rest
    return answer


def unchunk(data):
    body = b""
    while True:
        size, sep, data = data.partition(b"\r\n")
        if not sep:
            return None
        n = int(size, 16)
        if n == 0:
            return body
        if len(data) < n + 2:
            return None
        body += data[:n]
        data = data[n + 2:]


def connect(address, timeout=15):
    """To a port on 127.0.0.1 or a unix socket's path."""
    if isinstance(address, str):
        s = socket.socket(socket.AF_UNIX)
    else:
        s = socket.socket()
        address = ("127.0.0.1", address)
    s.settimeout(timeout)
    try:
        s.connect(address)
    except OSError:
        s.close()
        raise
    return s


def exchange(port, raw, timeout=15, half_close=False):
    """Send bytes, return the answer."""
    begin = time.monotonic()
    with connect(port, timeout) as s:
        try:
            s.sendall(raw)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
        answer = receive(s)
    answer.seconds = time.monotonic() - begin
    return answer


def receive(s):
    data = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            part = b""
        except socket.timeout:
            raise AssertionError(
                f"expected: an answer within {s.gettimeout()} s\n"
                f"found: {data[:300]!r}") from None
        if not part:
            return parse(data) or Answer(0)
        data += part
        answer = parse(data)
        if answer and complete(answer):
            return answer


def complete(answer):
    return (answer.header("content-length") is not None
            or answer.header("transfer-encoding") is not None)


def request(path, headers, body=b"", method="POST", length=None):
    """The bytes of a plain request.  `headers` is a list of (name, value)."""
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost",
             b"Connection: close"]
    for name, value in headers:
        if isinstance(value, str):
            value = value.encode("latin-1")
        lines.append(name.encode() + b": " + value)
    if length is None:
        length = len(body)
    if length >= 0:
        lines.append(b"Content-Length: %d" % length)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def post(port, path, headers, body=b"", timeout=15):
    return exchange(port, request(path, headers, body), timeout)


def get(port, path, headers=()):
    return exchange(port, request(path, list(headers), method="GET",
                                  length=-1))
