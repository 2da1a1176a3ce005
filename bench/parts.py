"""The parts of the bench: which systems, offered what, and what is noted."""

import json
import os
import signal
import subprocess
import time

import prepare
import gauge
import systems

CONNECTIONS = 64
THREADS = (1, 2, 4, 8, 16, 32, 64)
PACED = 200  # requests a second
WARM = 1
SLOW_US = 5000
PATIENCE = 120  # seconds


def saturate(bench, system, requests):
    return gauge.measure(bench.load, system, requests, c=CONNECTIONS, w=WARM,
                         t=bench.secs)


def paced(bench, system, requests, rate=PACED):
    return gauge.measure(bench.load, system, requests, c=32, r=rate, w=WARM,
                         t=bench.secs)


def ceiling_threads(bench):
    """The number of threads with which the ceiling is highest, found once;
    said in the result."""
    if "ceiling_threads" in bench.facts:
        return bench.facts["ceiling_threads"]
    tried = {}
    # in two passes: what disturbs one will not disturb the other
    for threads in THREADS * 2:
        def measure(record, system):
            result = gauge.measure(bench.load, system,
                                   bench.requests["github", "2k"],
                                   c=CONNECTIONS, w=0.5, t=1)
            tried[system.threads] = max(result["rate"],
                                        tried.get(system.threads, 0))
            bench.say(f"ceiling with {system.threads} threads:"
                      f" {result['rate']:.0f}/s")
        bench.one(lambda scratch: systems.Ceiling(scratch, threads),
                  lambda *_: None, measure)
    bench.facts["ceiling_tried"] = tried
    best = max(tried, key=tried.get)
    bench.facts["ceiling_threads"] = best
    return best


def check_held(record, system, ok):
    """What was answered 2xx must be stored or queued."""
    held = system.holds()
    if held is not None:
        short = held < ok
        record("held", {"value": held, "ok": ok, "failed":
                        f"{ok} answered 2xx, {held} held" if short else None})


def offered(bench):
    """A measurement of everything in the table of systems; the memory after
    saturation is that of all of it."""
    def measure(record, system):
        record("idle", {"pss": gauge.pss(system.processes())})
        result = paced(bench, system, bench.requests["github", "2k"])
        ok = result["ok"]
        record("paced 2k", result)
        for kind in system.kinds:
            for size in ("2k", "8k"):
                result = saturate(bench, system, bench.requests[kind, size])
                ok += result["ok"]
                name = size if kind == "github" else f"{kind} {size}"
                record(f"saturated {name}", result)
        record("loaded", {"pss": gauge.pss(system.processes())})
        if getattr(system, "running", False):
            record("handlers", {"ended": system.delivered("run"), "ok": ok})
        check_held(record, system, ok)
    return measure


def at_2k(bench):
    """Saturation and 200/s with GitHub's 2 KiB alone."""
    def measure(record, system):
        ok = 0
        if not system.slow:
            result = paced(bench, system, bench.requests["github", "2k"])
            ok = result["ok"]
            record("paced 2k", result)
        result = saturate(bench, system, bench.requests["github", "2k"])
        record("saturated 2k", result)
        check_held(record, system, ok + result["ok"])
    return measure


def intake(bench):
    threads = ceiling_threads(bench)
    bench.alternate("intake", {
        "ceiling": lambda s: systems.Ceiling(s, threads),
        "gaff": systems.Gaff,
        "gaff, handlers run": lambda s: systems.Gaff(s, running=True),
        "webhook": systems.Webhook,
        "webhook, no handler": lambda s: systems.Webhook(
            s, command="/nonexistent"),
        "flask": systems.Flask,
        "fastapi": systems.FastAPI,
        "fastify": systems.Fastify,
    }, offered(bench))


def slowdisk(bench):
    """Each sync of the disk takes at least 5 ms."""
    bench.alternate("slowdisk", {
        "gaff": lambda s: systems.Gaff(s, slow_us=SLOW_US),
        "fastapi": lambda s: systems.FastAPI(s, slow_us=SLOW_US),
        "fastify": lambda s: systems.Fastify(s, slow_us=SLOW_US),
    }, at_2k(bench))


class PlainCGI(systems.Gaff):
    """A process a request: fewer than 200/s on a busy machine."""
    slow = True

    def __init__(self, scratch):
        super().__init__(scratch, "lighttpd-cgi")


def fronts(bench):
    """Other web servers, and other ways between the processes."""
    threads = ceiling_threads(bench)
    bench.alternate("fronts", {
        "ceiling": lambda s: systems.Ceiling(s, threads),
        "gaff": systems.Gaff,
        "gaff, tcp to the worker": lambda s: systems.Gaff(s, tcp=True),
        "ceiling, nginx": lambda s: systems.Ceiling(s, threads, "nginx"),
        "gaff, nginx": lambda s: systems.Gaff(s, "nginx"),
        "ceiling, Apache": lambda s: systems.Ceiling(
            s, threads, "apache-proxy"),
        "gaff, Apache": lambda s: systems.Gaff(s, "apache-proxy"),
        "gaff, plain CGI": PlainCGI,
    }, at_2k(bench))


# ---- deliveries ----

BACKLOG = 20000
# the worker's max_running here, and the default of a route's concurrency
AT_ONCE = {"run": 4, "post": 8}
SINK_BODY = "sink-body"


class Draining(systems.Gaff):
    """gaff with one route that is paused, and the server that it posts to."""

    def __init__(self, scratch, kind):
        super().__init__(scratch, pause=("r",))
        self.kind = kind
        self.sink = None

    def start(self):
        sink = self.run("sink", [f"{self.site.bin}/sink", "/dev/null"])
        sink.wait_log("\n")
        self.sink = sink.log().split()[0]
        # events of the other source, which is intake's, go nowhere
        to = ("run = /bin/true" if self.kind == "run"
              else f"post = http://127.0.0.1:{self.sink}/")
        self.options["routes"] = (
            f"[route r]\nsource = github\n{to}\n"
            f"concurrency = {AT_ONCE[self.kind]}\n"
            "[route beside]\nsource = stripe\nenabled = no\n"
            "run = /bin/true\n")
        super().start()

    def bare(self, bench):
        """The rate of the bare program."""
        bin_ = os.path.join(bench.scratch, "bin")
        argv = [f"{bin_}/spawn", str(AT_ONCE["run"]), str(bench.secs)]
        if self.kind == "post":
            argv = [f"{bin_}/fetch", self.sink, str(AT_ONCE["post"]),
                    str(bench.secs), os.path.join(bench.scratch, SINK_BODY)]
        out = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
        if out.returncode != 0:
            raise gauge.Failed(f"{argv[0]} ended with {out.returncode}")
        return json.loads(out.stdout)["value"]


def drain(bench, system):
    """Let the paused route go on for a while: deliveries a second that ended
    well, while there are some left."""
    left, points = system.left("r"), []
    end = time.monotonic() + 3 * bench.secs
    before = system.delivered("r")
    system.site.gaff("resume", "r")
    while time.monotonic() < end:
        time.sleep(0.05)
        points.append((time.monotonic(), system.delivered("r") - before))
        if points[-1][1] >= left:
            points.pop()  # it may have had nothing to do
            break
    system.site.gaff("pause", "r")
    if len(points) < 2 or points[-1][1] <= points[0][1]:
        raise gauge.Failed(f"of {left:.0f} deliveries: {points}")
    (t0, n0), (t1, n1) = points[0], points[-1]
    return (n1 - n0) / (t1 - t0)


def beside(bench, system, rate, work):
    """The result of work() while requests come in at a rate."""
    load = gauge.Load(bench.load, system.port, bench.requests["stripe", "2k"],
                      c=64, r=max(int(rate), 1), t=PATIENCE)
    try:
        return work()
    finally:
        load.popen.terminate()
        load.popen.communicate()


def deliveries(bench):
    requests = bench.requests["github", "2k"]
    with open(requests["files"][0]) as f:
        body = f.read().partition("\n\n")[2]
    with open(os.path.join(bench.scratch, SINK_BODY), "w") as f:
        f.write(body)

    def fill(system, n):
        result = gauge.measure(bench.load, system, requests, c=CONNECTIONS,
                               t=PATIENCE, n=max(int(n), 1))
        if result["failed"]:
            raise gauge.Failed(result["failed"])
        system.routed()
        return result["rate"]

    def measure(record, system):
        record("bare", {"value": system.bare(bench)})
        half = fill(system, BACKLOG) / 2
        record("drained", {"value": drain(bench, system)})
        fill(system, BACKLOG - system.left("r"))
        record("drained, intake at half its rate", {
            "intake": half, "value": beside(
                bench, system, half, lambda: drain(bench, system))})
        record("bare, intake at half its rate", {
            "intake": half, "value": beside(
                bench, system, half, lambda: system.bare(bench))})

    bench.alternate("deliveries", {
        "run": lambda s: Draining(s, "run"),
        "post": lambda s: Draining(s, "post"),
    }, measure)


# ---- how it scales ----

def many(n):
    """Sources and routes in such a number around those that are used."""
    more = "".join(
        f"[source s{i}]\nscheme = github\nsecret = a secret of {i:04d}\n"
        f"[route r{i}]\nsource = s{i}\nrun = /bin/true\n"
        for i in range(n - 2))
    return lambda s: Many(s, more=more)


class Many(systems.Gaff):
    def configure(self):
        super().configure()
        # it has secrets in it
        os.chmod(self.site.conf, 0o600)


def scale(bench):
    """1,000 sources and 1,000 routes against ten of each."""
    def measure(record, system):
        result = saturate(bench, system, bench.requests["github", "2k"])
        record("saturated 2k", result)
        check_held(record, system, result["ok"])
    bench.alternate("scale", {"10": many(10), "1000": many(1000)}, measure)


PARKED = 512


def parked(bench):
    """Memory of a gateway that holds as many requests as it may."""
    def measure(record, system):
        record("idle", {"pss": gauge.pss(system.processes())})
        system.worker.signal(signal.SIGSTOP)
        load = gauge.Load(bench.load, system.port,
                          bench.requests["github", "2k"], c=PARKED, n=PARKED,
                          t=20)
        end = time.monotonic() + 8
        # the web server holds the same requests: it is steady when they are in
        last, now = -1, 0
        while time.monotonic() < end and now != last:
            time.sleep(1)
            last, now = now, gauge.pss(system.processes())["gateway"]
        record("parked", {"pss": gauge.pss(system.processes())})
        system.worker.signal(signal.SIGCONT)
        result = load.end()
        result["failed"] = gauge.wrong(result)
        record("let go", result)
        check_held(record, system, result["ok"])
    bench.alternate("parked", {
        "gaff": lambda s: systems.Gaff(
            s, gateway="parked = 512\nanswer_within = 20s\n"),
    }, measure)


def verify(bench):
    """Verifications a second beside OpenSSL's, on one core."""
    for number in range(bench.rounds):
        for size in prepare.SIZES.values():
            out = subprocess.run(
                [os.path.join(bench.scratch, "bin/verify"),
                 str(bench.secs / 4), str(size)],
                stdout=subprocess.PIPE, check=True).stdout
            for row in json.loads(out):
                bench.record("verify", number, row["family"], str(size), {
                    **row, "value": row["rate"] / row["raw"]})


def quick(bench):
    """The ceiling and gaff alone."""
    threads = ceiling_threads(bench)
    bench.alternate("quick", {
        "ceiling": lambda s: systems.Ceiling(s, threads),
        "gaff": systems.Gaff,
    }, offered(bench))


DEFAULT = {
    "intake": intake, "slowdisk": slowdisk, "fronts": fronts,
    "deliveries": deliveries, "scale": scale, "parked": parked,
    "verify": verify,
}
# `quick` is a part of `intake`
PARTS = {**DEFAULT, "quick": quick}
