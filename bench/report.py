"""Results as a table on standard output and as files."""

import json
import os
import statistics
import sys

import prepare
import charts
import lines


def median(values):
    return statistics.median(values) if values else None


# processors; what the kernel does for requests in threads of its own is below
QUIET = 0.2


class Results:
    def __init__(self, result):
        self.result = result
        self.records = result["records"]
        broken = {(r["part"], r["round"], r["system"])
                  for r in self.records if r.get("failed")}
        # a round with errors does not count, for this system
        self.good = [r for r in self.records
                     if (r["part"], r["round"], r["system"]) not in broken]

    def parts(self):
        return list(dict.fromkeys(r["part"] for r in self.records))

    def systems(self, part):
        return list(dict.fromkeys(
            r["system"] for r in self.records
            if r["part"] == part and r["system"] != "disk"))

    def by_round(self, part, system, what, key):
        """Round -> value."""
        return {r["round"]: r[key] for r in self.good
                if (r["part"], r["system"], r["what"]) == (part, system, what)
                and key in r}

    def value(self, part, system, what, key):
        return median(list(self.by_round(part, system, what, key).values()))

    def ratios(self, part, what, key, one, other):
        """Of two systems, within each round that both have.  Payloads that
        the other one does not tell apart are GitHub's there."""
        a = self.by_round(part, one, what, key)
        b = (self.by_round(part, other, what, key) or self.by_round(
            part, other, what.replace("stripe ", ""), key))
        return [a[n] / b[n] for n in sorted(a.keys() & b.keys()) if b[n]]

    def within(self, part, system, what, base, key):
        """Of two measurements of one system, within each round."""
        a = self.by_round(part, system, what, key)
        b = self.by_round(part, system, base, key)
        return [a[n] / b[n] for n in sorted(a.keys() & b.keys()) if b[n]]

    def has(self, part, what):
        return any((r["part"], r["what"]) == (part, what)
                   for r in self.records)

    def failures(self):
        return [r for r in self.records if r.get("failed")]


def spread(values, form="{:.2f}"):
    """Median [least - most]."""
    if not values:
        return "-"
    return (form.format(median(values)) + " ["
            + form.format(min(values)) + "-" + form.format(max(values)) + "]")


def number(value, form="{:.0f}"):
    return "-" if value is None else form.format(value)


def table(head, rows):
    """Markdown, aligned so that it reads as plain text too."""
    rows = [[str(c) for c in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]

    def line(row):
        return "| " + " | ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths))) + " |"
    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":")
                          for i, w in enumerate(widths)) + "|"
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def ms(us):
    return None if us is None else us / 1000


def rates(results, part, what):
    """Systems under saturation; `of the ceiling` is of the one behind the same
    web server, which is named after it."""
    rows = []
    for name in results.systems(part):
        values = list(results.by_round(part, name, what, "rate").values())
        if not values:
            continue
        front = name.partition(", ")[2]
        base = next((b for b in (f"ceiling, {front}", "ceiling")
                     if b in results.systems(part)), None)
        rows.append([
            name, spread(values, "{:.0f}"),
            spread(results.ratios(part, what, "rate", name, base)),
            *(number(ms(results.value(part, name, what, key)), "{:.1f}")
              for key in ("p50_us", "p99_us", "p999_us"))])
    return table(["system", "requests/s", "of the ceiling", "p50 ms",
                  "p99 ms", "p99.9 ms"], rows)


def paced(results, part):
    rows = [[name, *(number(ms(results.value(part, name, "paced 2k", key)),
                            "{:.2f}")
                     for key in ("p50_us", "p99_us", "p999_us"))]
            for name in results.systems(part)
            if results.by_round(part, name, "paced 2k", "rate")]
    return table(["system", "p50 ms", "p99 ms", "p99.9 ms"], rows)


def total(results, part, name, what):
    """MiB of all processes of a system."""
    return median([sum(v.values()) for v in
                   results.by_round(part, name, what, "pss").values()])


def memory(results, part):
    rows = [[name, number(total(results, part, name, "idle"), "{:.1f}"),
             number(total(results, part, name, "loaded"), "{:.1f}")]
            for name in results.systems(part)]
    return table(["system", "idle", "after saturation"], rows)


def cpu(results, part, name, what):
    """Process -> microseconds a request."""
    rounds = list(results.by_round(part, name, what, "cpu_us").values())
    return {k: median([r.get(k, 0) for r in rounds])
            for k in dict.fromkeys(k for r in rounds for k in r)}


def processors(results, part, what):
    rows = []
    for name in results.systems(part):
        spent = cpu(results, part, name, what)
        if spent:
            rows.append([name, f"{sum(spent.values()):.0f}",
                         ", ".join(f"{k} {v:.0f}" for k, v in spent.items())])
    return table(["system", "all", "by process"], rows)


# ---- parts ----

def intake(results, part):
    whats = [w for w in dict.fromkeys(
        r["what"] for r in results.records if r["part"] == part)
        if w.startswith("saturated")]
    text = []
    for what in whats:
        text += [f"### {what.replace('saturated', 'Saturated:')}, 64"
                 " connections", "", rates(results, part, what), ""]
    if results.has(part, "paced 2k"):
        text += ["### 200 requests/s: 2k, open loop", "",
                 paced(results, part), ""]
    if results.has(part, "loaded"):
        text += ["### Memory (PSS, MiB)", "", memory(results, part), ""]
    rounds = [r for r in results.good
              if (r["part"], r["what"]) == (part, "handlers")]
    if rounds:
        text += ["Where handlers run beside the load "
                 f"{median([r['ended'] / r['ok'] for r in rounds]):.0%} of"
                 " gaff's had ended when the last request was answered;"
                 " the rest waits in its store.", ""]
    return text + [
        "### Processor time a request, saturated: 2k (microseconds)", "",
        processors(results, part, "saturated 2k"), ""]


DRAINS = (("bare", "bare program"), ("drained", "gaff"),
          ("bare, intake at half its rate", "bare program, intake beside"),
          ("drained, intake at half its rate", "gaff, intake beside"))


def deliveries(results, part):
    rows = [[title, *(spread(list(results.by_round(
        part, kind, what, "value").values()), "{:.0f}")
        for kind in ("run", "post"))] for what, title in DRAINS]
    for title, what, base in (
            ("gaff / bare", "drained", "bare"),
            ("the same, intake beside", *(w for w, _ in DRAINS[:1:-1]))):
        rows.append([title, *(spread(results.within(
            part, kind, what, base, "value")) for kind in ("run", "post"))])
    return [table(["deliveries/s from a backlog of 20,000", "run", "post"],
                  rows), ""]


def scale(results, part):
    rows = [[name, spread(list(results.by_round(
        part, name, "saturated 2k", "rate").values()), "{:.0f}"),
        spread(results.ratios(part, "saturated 2k", "rate", name, "10"))]
        for name in results.systems(part)]
    return [table(["sources and routes", "requests/s", "of those with 10"],
                  rows), ""]


def parked(results, part):
    rows = []
    for what in ("idle", "parked"):
        rounds = results.by_round(part, "gaff", what, "pss").values()
        rows.append([what, *(number(median([r.get(name, 0) for r in rounds]),
                                    "{:.1f}")
                             for name in ("gateway", "worker", "lighttpd"))])
    return [table(["512 requests of 2 KiB parked: PSS, MiB", "gateway",
                   "worker", "lighttpd"], rows), ""]


def verify(results, part):
    rows = []
    for name in results.systems(part):
        for size in ("2048", "8192"):
            def value(key):
                return results.value(part, name, size, key)
            rows.append([
                name, size, number(value("rate")), number(value("raw")),
                spread(list(results.by_round(part, name, size,
                                             "value").values())),
                number(value("allocs"), "{:.1f}")])
    return [table(["one core", "body", "gaff/s", "OpenSSL alone/s", "ratio",
                   "allocations"], rows), ""]


PARTS = {
    "intake": ("Intake, beside others", intake),
    "quick": ("Intake", intake),
    "slowdisk": ("A disk whose sync takes 5 ms", intake),
    "fronts": ("Web servers, and tcp to the worker", intake),
    "deliveries": ("Deliveries", deliveries),
    "scale": ("Many sources and routes", scale),
    "parked": ("Parked requests", parked),
    "verify": ("Verification", verify),
}


def failures(results):
    found = results.failures()
    if not found:
        return ["Every round counted: no answer but 2xx, nothing unanswered,"
                " nothing answered and not held.", ""]
    return ["Rounds that failed and do not count, for their system:", "",
            *(f"- {r['part']}, {r['system']}, round {r['round'] + 1},"
              f" {r['what']}: {r['failed']}" for r in found), ""]


def head(result, results):
    m = result["machine"]
    syncs = [r["value"] for r in results.records if r["what"] == "sync"]
    versions = ", ".join(f"{k} {v}" for k, v in m["versions"].items())
    facts = result["facts"]
    text = [
        f"`{result['command']}`, {m['date']}, {result['seconds']} s:"
        f" {m['cores']} cores ({m['cpu']}), {m['memory_gib']} GiB, Linux"
        f" {m['kernel']}, {m['disk']}. fdatasync of 4 KiB at the end of a"
        f" file: {spread(syncs, '{:.0f}')} microseconds (median of a round)."
        f" {versions}."]
    if "ceiling_threads" in facts:
        text[0] += (f" The ceiling has {facts['ceiling_threads']} threads,"
                    " the best of " + ", ".join(
                        f"{k}: {v:.0f}/s"
                        for k, v in facts["ceiling_tried"].items()) + ".")
    others = [r["others"] for r in results.records if "others" in r]
    if others:
        text[0] += (" Processors busy with anything else while requests were"
                    f" offered: {spread(others)}.")
        if median(others) > QUIET:
            text += ["", "**No quiet run: other programs took much of the"
                     " processors, so the ratios say a little and the"
                     " numbers nothing.**"]
    return text + ["", "Median [least-most] of the rounds; ratios are within"
                   " a round.", ""]


def crossed(results):
    rows = lines.rows(results)
    if not rows:
        return []
    return ["### Lines to cross", "",
            table(["line", "limit", "found", ""], rows), ""]


def write(result, directory):
    """Print everything and write results.md and the charts; 1 when a round
    failed."""
    results = Results(result)
    text = head(result, results) + crossed(results)
    for part in results.parts():
        title, tables = PARTS[part]
        text += [f"## {title}", ""] + tables(results, part)
    text = "\n".join(text + failures(results))
    with open(os.path.join(directory, "results.md"), "w") as f:
        f.write(text)
    print(text)
    charts.draw(results, directory)
    return 1 if results.failures() else 0


def main():
    """Write anew what is made of build/bench/results.json."""
    with open(os.path.join(prepare.OUT, "results.json")) as f:
        return write(json.load(f), prepare.OUT)


if __name__ == "__main__":
    sys.exit(main())
