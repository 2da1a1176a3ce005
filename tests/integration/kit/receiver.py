"""An HTTP server that keeps what it gets and answers as told."""

import hashlib
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    path: str
    headers: dict
    sha256: str
    body: bytes
    at: float


class Receiver:
    """`answer` is a status, or a function of Received that returns one or
    (status, headers)."""

    def __init__(self, answer=200, port=0):
        self.answer = answer
        self.requests = []
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.take(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/in"
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def take(self, handler):
        n = int(handler.headers.get("content-length", 0))
        body = handler.rfile.read(n)
        got = Received(
            handler.path, {k.lower(): v for k, v in handler.headers.items()},
            hashlib.sha256(body).hexdigest(), body, time.monotonic())
        with self.lock:
            self.requests.append(got)
        answer = self.answer(got) if callable(self.answer) else self.answer
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def got(self):
        with self.lock:
            return list(self.requests)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
