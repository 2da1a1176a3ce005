"""gaff beside others, on this machine, in one run.

Every part is measured in rounds; in a round each system is started anew, in an
order that moves on by one, so that what a round has to suffer all have to
suffer.  Results are medians over rounds, and ratios within a round.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time

import prepare  # first: it finds the tests' kit
import gauge
import machine
import parts
import report
from kit import process

PROGRAMS = ("load", "ceiling", "spawn", "fetch", "verify", "slowsync.so")


class Bench:
    """What parts share: options, places, requests, and the results so far."""

    def __init__(self, options):
        self.rounds, self.secs = options.rounds, options.secs
        self.scratch = prepare.scratch(options.bin, PROGRAMS)
        prepare.reachable_npm(self.scratch)
        self.load = os.path.join(self.scratch, "bin/load")
        self.requests = {(kind, size): prepare.requests(kind, size)
                         for kind in prepare.KINDS for size in prepare.SIZES}
        self.facts = {}    # what is no measurement: threads chosen, …
        self.records = []  # one a measurement

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def record(self, part, number, system, what, values):
        """Keep a measurement; `values` with `failed` is one that does not
        count."""
        self.records.append({"part": part, "round": number, "system": system,
                             "what": what, **values})
        text = " ".join(
            f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}"
            for k, v in values.items()
            if k in ("rate", "p50_us", "p99_us", "p999_us", "value"))
        failed = values.get("failed")
        self.say(f"{part} {number + 1}/{self.rounds} {system} {what}: {text}"
                 + (f" FAILED: {failed}" if failed else ""))

    def alternate(self, part, makers, measure):
        """Rounds of `measure(record, system)` with a new system each."""
        names = list(makers)
        for number in range(self.rounds):
            self.record(part, number, "disk", "sync", {
                "value": machine.sync_us(self.scratch)})
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                def record(what, values):
                    self.record(part, number, name, what, values)
                self.one(makers[name], record, measure)

    def one(self, make, record, measure):
        """One system: start, measure, end."""
        system = make(self.scratch)
        os.sync()  # what the one before has left to be written
        try:
            system.start()
            measure(record, system)
        except (gauge.Failed, AssertionError, OSError) as error:
            record("all", {"failed": str(error).splitlines()[0]})
        finally:
            process.end_all()
            shutil.rmtree(system.site.dir, ignore_errors=True)


def interrupt(*_):
    """Ended by a signal, nothing of what was started stays."""
    raise KeyboardInterrupt


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=os.path.join(prepare.ROOT, "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--secs", type=float, default=2)
    parser.add_argument("part", nargs="*", metavar="PART",
                        help=f"of {', '.join(parts.PARTS)}; default: all")
    options = parser.parse_args()
    unknown = set(options.part) - set(parts.PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    prepare.npm()
    begin = time.time()
    bench = Bench(options)
    facts = machine.facts(bench.scratch)
    try:
        for name in options.part or parts.DEFAULT:
            parts.PARTS[name](bench)
    finally:
        process.end_all()
        shutil.rmtree(bench.scratch, ignore_errors=True)
    result = {"machine": facts, "command": machine.command(options),
              "seconds": round(time.time() - begin), "facts": bench.facts,
              "records": bench.records}
    with open(os.path.join(prepare.OUT, "results.json"), "w") as f:
        json.dump(result, f, indent=1)
    return report.write(result, prepare.OUT)


if __name__ == "__main__":
    sys.exit(main())
