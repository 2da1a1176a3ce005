"""What is measured: gaff, the ceiling, and what people would pick instead.

A system is started in a directory of its own, answers on `port`, and says
after a load how many webhooks it holds.
"""

import json
import os
import socket
import tempfile

from kit import process, servers, sign, site, web
from kit.process import Process
from kit.servers import free_port
from kit.wait import until

from gauge import Failed


def directory(scratch):
    path = tempfile.mkdtemp(prefix="", dir=scratch)
    os.chmod(path, 0o755)
    return process.own(path)


def listens(port):
    try:
        web.connect(port, 1).close()
        return True
    except OSError:
        return False


class System:
    slow = False  # cannot answer 200 requests a second
    kinds = ("github",)

    def __init__(self, scratch):
        self.scratch = scratch
        self.site = site.Site(directory(scratch),
                              os.path.join(scratch, "bin"))
        self.port = None
        self.parts = []  # (name, Process)

    def run(self, name, argv, env=None):
        started = Process(name, argv, self.site.dir, env)
        self.parts.append((name, started))
        return started

    def serve(self, name, argv, env=None):
        """Start what listens on a port of ours."""
        started = self.run(name, argv, env)
        until(lambda: listens(self.port) or not started.alive(),
              f"{name} listens", 30, found=started.tail)
        if not started.alive():
            raise Failed(f"{name} did not start: {started.tail(5)}")

    def processes(self):
        return [(name, p.pid) for name, p in self.parts]

    def holds(self):
        """How many webhooks it has stored or queued; None: it does neither."""
        return None


class Ceiling(System):
    """A program that reads the body and answers, behind lighttpd."""

    def __init__(self, scratch, threads=16, front="lighttpd"):
        super().__init__(scratch)
        self.threads, self.front = threads, front

    def start(self):
        path = self.site.path("run/fcgi.sock")
        self.run("program", [f"{self.site.bin}/ceiling", path,
                             str(self.threads)])
        until(lambda: os.path.exists(path), "the ceiling listens")
        server = self.site.server(self.front)
        self.parts.append((self.front, server.process))
        self.port = server.port


ROUTES = """
[route run]
source = github
run = /bin/true
[route post]
source = stripe
{post}
"""


class Gaff(System):
    """Gateway and worker; `running`: handlers run beside the load."""
    kinds = ("github", "stripe")

    def __init__(self, scratch, front="lighttpd", running=False, **options):
        """Options: routes (text instead of ROUTES), more (sections), pause
        (routes, instead of both), tcp (yes: not ipc), gateway (lines),
        slow_us (what a sync of the disk takes at least)."""
        super().__init__(scratch)
        self.front, self.running, self.options = front, running, options
        if running:  # the same as the others, which know no Stripe
            self.kinds = ("github",)
        self.metrics = free_port()
        self.worker = None

    def sections(self):
        text = ""
        for name, secret in (("github", sign.GITHUB), ("stripe", sign.STRIPE)):
            text += (f"[source {name}]\nscheme = {name}\n"
                     f"secret = {self.site.secret(name, secret)}\n")
        return text + self.options.get("routes", ROUTES).format(
            post="run = /bin/true" if self.running
            else "post = http://127.0.0.1:9/")

    def configure(self):
        self.site.configure(
            self.sections() + self.options.get("more", ""),
            gateway=self.options.get("gateway", ""),
            worker=f"metrics = 127.0.0.1:{self.metrics}")
        if not self.options.get("tcp"):
            return
        with open(self.site.conf) as f:
            text = f.read()
        for name in ("data", "control"):
            text = text.replace(f"ipc://{self.site.dir}/run/{name}\n",
                                f"tcp://127.0.0.1:{free_port()}\n")
        self.site.write("gaff.conf", text)

    def start(self):
        self.configure()
        self.worker = self.site.worker(
            wrap=slow(self.site, self.options.get("slow_us")), timeout=60)
        self.parts.append(("worker", self.worker))
        if not self.running:
            for route in self.options.get("pause", ("run", "post")):
                self.site.gaff("pause", route)
        if servers.KINDS[self.front][2] == "socket":
            self.parts.append(("gateway", self.site.gateway()))
        server = self.site.server(self.front)
        self.parts.append((self.front, server.process))
        self.port = server.port

    def metric(self, name, **labels):
        """The sum of a metric's series with these labels."""
        total, text = 0, web.get(self.metrics, "/metrics").body.decode()
        for line in text.split("\n"):
            if line.startswith((name + "{", name + " ")) and all(
                    f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rpartition(" ")[2])
        return total

    def left(self, route):
        """Deliveries of a route that have not ended well."""
        return self.metric("gaff_deliveries", route=route)

    def delivered(self, route):
        """Attempts that ended well."""
        return self.metric("gaff_attempts_total", route=route, outcome="ok")

    def routed(self):
        """Wait until every event has its deliveries."""
        until(lambda: not self.metric("gaff_unrouted_events"),
              "every event is routed", 60)

    def holds(self):
        """Events with their delivery, read from its store after its end."""
        for _, p in reversed(self.parts):
            p.stop(60)
        with self.site.database() as db:
            return db.execute("SELECT count(*) FROM event WHERE EXISTS "
                              "(SELECT 1 FROM delivery WHERE event = seq)"
                              ).fetchone()[0]


def slow(site_, us):
    """A command before another one's: syncs take at least so long."""
    if not us:
        return []
    return ["/usr/bin/env", f"LD_PRELOAD={site_.bin}/slowsync.so",
            f"SLOWSYNC_US={us}"]


class Webhook(System):
    """Debian's webhook; runs its command beside the load, stores nothing."""

    def __init__(self, scratch, command="/bin/true"):
        super().__init__(scratch)
        self.command = command

    def start(self):
        hooks = self.site.write("hooks.json", json.dumps([{
            "id": "github", "execute-command": self.command,
            "response-message": '{"status":"accepted"}',
            "trigger-rule": {"match": {
                "type": "payload-hmac-sha256", "secret": sign.GITHUB,
                "parameter": {"source": "header",
                              "name": "X-Hub-Signature-256"}}}}]))
        self.port = free_port()
        self.serve("webhook", [
            process.program("webhook"), "-hooks", hooks, "-ip", "127.0.0.1",
            "-port", str(self.port)])


class Queueing(System):
    """A web application in front of a Redis that syncs each write."""
    queue = "hooks"

    def __init__(self, scratch, slow_us=None):
        super().__init__(scratch)
        self.slow_us, self.redis = slow_us, free_port()

    def start(self):
        self.run("redis", [
            *slow(self.site, self.slow_us), process.program("redis-server"),
            "--bind", "127.0.0.1", "--port", str(self.redis),
            "--dir", self.site.dir, "--save", "",
            "--appendonly", "yes", "--appendfsync", "always"])
        until(lambda: listens(self.redis), "Redis listens")
        self.port = free_port()
        argv = [word.format(port=self.port) for word in self.argv]
        argv[0] = process.program(argv[0])
        self.serve(argv[0].rpartition("/")[2], argv, {
            "HOOK_SECRET": sign.GITHUB, "REDIS_PORT": str(self.redis),
            "HTTP_PORT": str(self.port), "PYTHONPATH": self.site.bin,
            "PYTHONDONTWRITEBYTECODE": "1", "NODE_ENV": "production"})

    def ask(self, *words):
        """Redis's answer to a command, a number."""
        with socket.create_connection(("127.0.0.1", self.redis), 10) as s:
            s.sendall(" ".join(words).encode() + b"\r\n")
            return int(s.makefile().readline().strip().lstrip(":"))

    def holds(self):
        return self.ask("LLEN", self.queue)


class Flask(Queueing):
    argv = ("gunicorn", "-w", "4", "-b", "127.0.0.1:{port}", "--log-level",
            "warning", "flask_app:app")


class FastAPI(Queueing):
    argv = ("uvicorn", "--workers", "2", "--loop", "uvloop", "--http",
            "httptools", "--no-access-log", "--log-level", "warning", "--host",
            "127.0.0.1", "--port", "{port}", "fastapi_app:app")


class Fastify(Queueing):
    queue = "bull:hooks:wait"

    @property
    def argv(self):
        return ("node", f"{self.site.bin}/fastify_app.mjs")
