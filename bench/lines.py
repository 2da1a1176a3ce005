"""The lines to cross: what gaff is to reach in one run on one machine."""

import statistics

PEERS = {"webhook": (2, 1 / 5), "flask": (7, None), "fastapi": (2, 1 / 3),
         "fastify": (1.8, 1 / 5)}
KIB = {"2k": 0.55, "8k": 0.50}
RUN, POST = 0.6, 0.5
SYNC_US = 250  # up to this the limit of the 99th percentile is 3 ms
SLOW_US = 5000


def row(line, limit, values, at_least, form="{:.2f}"):
    """A line with its median and whether that is on the right side."""
    if not values:
        return []
    found = statistics.median(values)
    good = found >= limit if at_least else found <= limit
    return [[line, ("at least " if at_least else "at most ")
             + form.format(limit), form.format(found),
             "crossed" if good else "NOT crossed"]]


def speed(results, part):
    rows = []
    for size, limit in KIB.items():
        rows += row(f"requests/s of the ceiling's, {size}", limit,
                    results.ratios(part, f"saturated {size}", "rate", "gaff",
                                   "ceiling"), True)
    for peer, (rate, p99) in PEERS.items():
        rows += row(f"requests/s of {peer}'s", rate, results.ratios(
            part, "saturated 2k", "rate", "gaff", peer), True)
        if p99:
            rows += row(f"p99 at saturation, of {peer}'s", p99, results.ratios(
                part, "saturated 2k", "p99_us", "gaff", peer), False)
    return rows


def paced(results, part, sync_us):
    limit = 3 if sync_us <= SYNC_US else 3 + sync_us / 1000
    found = results.by_round(part, "gaff", "paced 2k", "p99_us").values()
    return row(f"p99 at 200 requests/s, ms (fdatasync {sync_us / 1000:.2f})",
               limit, [us / 1000 for us in found], False)


def memory(results, part):
    rows = []
    for what, limit in (("idle", 20), ("loaded", 40)):
        found = results.by_round(part, "gaff", what, "pss").values()
        title = "idle" if what == "idle" else "after saturation"
        rows += row(f"gateway, worker, lighttpd {title}, MiB", limit,
                    [sum(f.values()) for f in found], False, "{:.1f}")
    return rows


def deliveries(results):
    rows = []
    beside = ", intake at half its rate"
    for kind, limit, bare in (("run", RUN, "spawn-and-wait"),
                              ("post", POST, "libcurl multi")):
        for more, title in (("", ""), (beside, beside)):
            rows += row(f"{kind} deliveries/s of bare {bare}{title}", limit,
                        results.within("deliveries", kind, "drained" + more,
                                       "bare" + more, "value"), True)
    return rows


def rows(results):
    found = []
    part = "intake" if "intake" in results.parts() else "quick"
    syncs = list(results.by_round(part, "disk", "sync", "value").values())
    if syncs:
        found += speed(results, part)
        found += paced(results, part, statistics.median(syncs))
        found += memory(results, part)
    found += paced(results, "slowdisk", SLOW_US)
    held = results.by_round("parked", "gaff", "parked", "pss").values()
    found += row("gateway with 512 parked requests of 2 KiB, MiB", 16,
                 [f["gateway"] for f in held], False, "{:.1f}")
    found += deliveries(results)
    found += row("requests/s with 1,000 sources and routes, of 10", 0.95,
                 results.ratios("scale", "saturated 2k", "rate", "1000", "10"),
                 True)
    for name in results.systems("verify"):
        if name.startswith("HMAC"):
            found += row(f"verification of OpenSSL's: {name}, 2 KiB", 0.8,
                         list(results.by_round("verify", name, "2048",
                                               "value").values()), True)
    return found
