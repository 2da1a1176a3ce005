"""Charts of the results, as SVG."""

import os

import matplotlib

import report

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "gaff", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False,
    "figure.constrained_layout.use": True})

from matplotlib import pyplot  # noqa: E402

COLOURS = ("#1b6ca8", "#e08e45", "#7a9e7e", "#9b5d8c", "#666666", "#c44e52")


def bars(path, title, rows, series):
    """Horizontal bars: `rows` are (name, one value a series or None), the
    first one on top."""
    rows = [r for r in rows if any(v is not None for v in r[1])]
    if not rows:
        return
    figure, axes = pyplot.subplots(
        figsize=(7.5, 0.8 + 0.22 * len(rows) * (len(series) + 0.6)))
    height = 0.8 / len(series)
    for i, name in enumerate(series):
        values = [row[1][i] or 0 for row in rows]
        at = [y + (i - (len(series) - 1) / 2) * height
              for y in range(len(rows))]
        drawn = axes.barh(at, values, height * 0.9, label=name,
                          color=COLOURS[i])
        axes.bar_label(drawn, [f"{v:,.3g}" if v < 100 else f"{v:,.0f}"
                               for v in values], padding=3, fontsize=8)
    finish(figure, axes, path, title, [row[0] for row in rows],
           len(series))


def stacked(path, title, rows):
    """Bars made of parts: (name, {part: value})."""
    rows = [r for r in rows if r[1]]
    if not rows:
        return
    figure, axes = pyplot.subplots(figsize=(7.5, 1 + 0.35 * len(rows)))
    for y, (_, values) in enumerate(rows):
        left = 0
        for i, (part, value) in enumerate(values.items()):
            axes.barh(y, value, 0.7, left=left, color=COLOURS[i % 6])
            if value > max(sum(v.values()) for _, v in rows) / 12:
                axes.text(left + value / 2, y, part, ha="center", va="center",
                          color="white", fontsize=7)
            left += value
        axes.text(left, y, f" {left:.0f}", va="center", fontsize=8)
    finish(figure, axes, path, title, [row[0] for row in rows], 1)


def finish(figure, axes, path, title, names, series):
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_title(title, loc="left")
    axes.margins(x=0.12)
    if series > 1:
        axes.legend(frameon=False, fontsize=8, loc="lower right",
                    bbox_to_anchor=(1, 1), ncols=series)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def of_intake(results, part, path):
    names = results.systems(part)

    def values(name, whats, key, scale=1):
        return name, [None if v is None else v / scale for v in (
            results.value(part, name, what, key) for what in whats)]
    sizes = ("saturated 2k", "saturated 8k")
    bars(path("rates"), "Requests/s, 64 connections",
         [values(n, sizes, "rate") for n in names], ("2 KiB", "8 KiB"))
    bars(path("latency-saturated"),
         "99th percentile at saturation, ms",
         [values(n, sizes, "p99_us", 1000) for n in names],
         ("2 KiB", "8 KiB"))
    bars(path("latency-paced"), "At 200 requests/s, ms", [
        (n, [report.ms(results.value(part, n, "paced 2k", key))
             for key in ("p50_us", "p99_us")]) for n in names],
        ("median", "99th percentile"))
    bars(path("memory"), "Memory of all processes (PSS), MiB",
         [(n, [report.total(results, part, n, w) for w in ("idle", "loaded")])
          for n in names], ("idle", "after saturation"))
    stacked(path("processor"),
            "Processor time a request at saturation, 2 KiB, microseconds",
            [(n, report.cpu(results, part, n, "saturated 2k"))
             for n in names])


def draw(results, directory):
    def path(name):
        return os.path.join(directory, name + ".svg")
    for part in ("intake", "quick"):
        if part in results.parts():
            of_intake(results, part, path)
            break
    if "deliveries" in results.parts():
        bars(path("deliveries"), "Deliveries/s from a backlog of 20,000",
             [(f"{kind}: {title}",
               [results.value("deliveries", kind, what, "value")])
              for kind in ("run", "post") for what, title in report.DRAINS],
             ("deliveries/s",))
    if "verify" in results.parts():
        bars(path("verify"), "Verification of 2 KiB on one core, of OpenSSL's",
             [(name, [results.value("verify", name, "2048", "value")])
              for name in results.systems("verify")
              if not name.startswith("token")], ("ratio",))
