"""Results as a table on standard output and as files."""

import os
import statistics


def median(values):
    return statistics.median(values) if values else None


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
        return sorted({r["system"] for r in self.records if r["part"] == part},
                      key=[r["system"] for r in self.records
                           if r["part"] == part].index)

    def by_round(self, part, system, what, key):
        """Round -> value."""
        return {r["round"]: r[key] for r in self.good
                if (r["part"], r["system"], r["what"]) == (part, system, what)
                and key in r}

    def value(self, part, system, what, key):
        return median(list(self.by_round(part, system, what, key).values()))

    def ratios(self, part, what, key, one, other):
        """Of two systems, within each round that both have."""
        a = self.by_round(part, one, what, key)
        b = self.by_round(part, other, what, key)
        return [a[n] / b[n] for n in sorted(a.keys() & b.keys()) if b[n]]

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


def intake(results, part):
    names = results.systems(part)
    base = "ceiling"
    text = []
    whats = [w for w in dict.fromkeys(
        r["what"] for r in results.records if r["part"] == part)
        if w.startswith("saturated")]
    for what in whats:
        rows = []
        for name in names:
            if not results.by_round(part, name, what, "rate"):
                continue
            rows.append([
                name,
                spread(list(results.by_round(part, name, what,
                                             "rate").values()), "{:.0f}"),
                spread(results.ratios(part, what, "rate", name, base)),
                *(number(ms(results.value(part, name, what, key)), "{:.1f}")
                  for key in ("p50_us", "p99_us", "p999_us"))])
        text += [f"### {what}, 64 connections", "", table(
            ["system", "requests/s", "of the ceiling", "p50 ms", "p99 ms",
             "p99.9 ms"], rows), ""]
    rows = [[name, *(number(ms(results.value(part, name, "paced 2k", key)),
                            "{:.2f}")
                     for key in ("p50_us", "p99_us", "p999_us")),
             number(total(results, part, name, "idle"), "{:.1f}"),
             number(total(results, part, name, "loaded"), "{:.1f}")]
            for name in names]
    text += ["### 200 requests/s (2k), and memory", "", table(
        ["system", "p50 ms", "p99 ms", "p99.9 ms", "PSS idle MiB",
         "PSS after saturation MiB"], rows), ""]
    rows = [[name, process_cpu(results, part, name, "saturated 2k")]
            for name in names]
    text += ["### Processor time a request, saturated 2k, by process", "",
             table(["system", "microseconds"], rows), ""]
    return text


def ms(us):
    return None if us is None else us / 1000


def total(results, part, name, what):
    return median([sum(v.values()) for v in
                   results.by_round(part, name, what, "pss").values()])


def process_cpu(results, part, name, what):
    rounds = list(results.by_round(part, name, what, "cpu_us").values())
    names = dict.fromkeys(k for r in rounds for k in r)
    return ", ".join(f"{k} {median([r.get(k, 0) for r in rounds]):.0f}"
                     for k in names) or "-"


def failures(results):
    found = results.failures()
    if not found:
        return ["Every round counted: no answer but 2xx, nothing unanswered,"
                " nothing answered and not held.", ""]
    return ["Rounds that failed and do not count:", "",
            *(f"- {r['part']}, {r['system']}, round {r['round'] + 1},"
              f" {r['what']}: {r['failed']}" for r in found), ""]


def write(result, directory):
    results = Results(result)
    text = []
    for part in results.parts():
        text += [f"## {part}", ""]
        text += intake(results, part)
    text += failures(results)
    with open(os.path.join(directory, "results.md"), "w") as f:
        f.write("\n".join(text))
    print("\n".join(text))
    return 0
