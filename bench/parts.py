"""The parts of the bench: which systems, offered what, and what is noted."""

import gauge
import systems

CONNECTIONS = 64
THREADS = (1, 2, 4, 8, 16, 32, 64)
PACED = 200  # requests a second
WARM = 1


def saturate(bench, system, requests):
    return gauge.measure(bench.load, system, requests, c=CONNECTIONS, w=WARM,
                         t=bench.secs)


def paced(bench, system, requests, rate=PACED):
    return gauge.measure(bench.load, system, requests, c=32, r=rate, w=WARM,
                         t=bench.secs)


def ceiling_threads(bench):
    """The number of threads with which the ceiling is highest, found once."""
    if "ceiling_threads" in bench.facts:
        return bench.facts["ceiling_threads"]
    tried = {}
    for threads in THREADS:
        def measure(record, system):
            result = gauge.measure(bench.load, system,
                                   bench.requests["github", "2k"],
                                   c=CONNECTIONS, w=0.5, t=1)
            tried[system.threads] = result["rate"]
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
    """A measurement of everything in the table of systems."""
    def measure(record, system):
        ok = 0
        record("idle", {"pss": gauge.pss(system.processes())})
        for kind in system.kinds:
            for size in ("2k", "8k"):
                result = saturate(bench, system, bench.requests[kind, size])
                ok += result["ok"]
                name = size if kind == "github" else f"{kind} {size}"
                record(f"saturated {name}", result)
        record("loaded", {"pss": gauge.pss(system.processes())})
        result = paced(bench, system, bench.requests["github", "2k"])
        ok += result["ok"]
        record("paced 2k", result)
        check_held(record, system, ok)
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


def quick(bench):
    """The ceiling and gaff alone."""
    threads = ceiling_threads(bench)
    bench.alternate("quick", {
        "ceiling": lambda s: systems.Ceiling(s, threads),
        "gaff": systems.Gaff,
    }, offered(bench))


DEFAULT = {"intake": intake}
# `quick` is a part of `intake`
PARTS = {**DEFAULT, "quick": quick}
