"""Where the time of a request goes: processor time, system calls and functions
of gateway, worker and web server while gaff takes in all it can."""

import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys

import prepare  # first: it finds the tests' kit
import gauge
import report
import systems
from kit import process

PROGRAMS = ("load", "ceiling")
CALLS = 12
FUNCTIONS = 25


class Profile:
    def __init__(self, options):
        self.secs = options.secs
        self.scratch = prepare.scratch(options.bin, PROGRAMS)
        self.load = os.path.join(self.scratch, "bin/load")
        self.requests = prepare.requests("github", options.size)

    def offer(self, system, warm=0.0, secs=None):
        return gauge.Load(self.load, system.port, self.requests, c=64, w=warm,
                          t=secs or self.secs)

    # ---- processor time ----

    def processor(self, system):
        result = gauge.measure(self.load, system, self.requests, c=64, w=0.5,
                               t=self.secs)
        check(result)
        spent = result["cpu_us"]
        print(f"{result['rate']:.0f} requests/s, p50"
              f" {result['p50_us'] / 1000:.1f} ms, p99"
              f" {result['p99_us'] / 1000:.1f} ms; processor time"
              f" {sum(spent.values()):.0f} us a request\n")
        switches = self.switches(system)
        print(report.table(
            ["process", "us a request", "share", "context switches a request"],
            [[name, f"{us:.1f}", f"{us / sum(spent.values()):.0%}",
              f"{switches[name]:.2f}" if name in switches else "-"]
             for name, us in spent.items()]) + "\n")

    def switches(self, system):
        """Voluntary and other context switches a request, by process."""
        before = {name: count_switches(pid)
                  for name, pid in system.processes()}
        result = self.offer(system, secs=1).end()
        return {name: (count_switches(pid) - before[name])
                / max(result["ok"], 1) for name, pid in system.processes()}

    # ---- system calls ----

    def calls(self, system):
        """One process at a time: strace slows down what it counts."""
        for name, pid in system.processes():
            out = os.path.join(self.scratch, "strace")
            tracer = subprocess.Popen(
                ["strace", "-f", "-c", "-U", "calls,errors,name", "-S",
                 "calls", "-o", out, "-p", str(pid)],
                stderr=subprocess.PIPE, text=True)
            tracer.stderr.readline()  # "attached"
            result = self.offer(system).end()
            tracer.send_signal(signal.SIGINT)
            tracer.communicate()
            check(result)
            print_calls(name, out, result["ok"])

    # ---- functions ----

    def functions(self, system):
        out = os.path.join(self.scratch, "perf")
        pids = ",".join(str(p) for _, pid in system.processes()
                        for p in [pid, *gauge.descendants(pid)])
        load = self.offer(system, secs=self.secs + 1)
        done = subprocess.run(
            ["perf", "record", "-q", "-F", "999", "-g", "-o", out, "-p", pids,
             "--", "sleep", str(self.secs)],
            stderr=subprocess.PIPE, text=True, check=False)
        load.end()
        if done.returncode != 0:
            print(f"perf does not work here: {done.stderr.strip()}\n")
            return
        self.print_functions(out, "comm,dso", "### Where, by perf", 20)
        self.print_functions(out, "comm,dso,sym",
                             "### The functions it is in most", FUNCTIONS)
        kept = os.path.join(prepare.OUT, "perf.data")
        shutil.copy(out, kept)
        print(f"Callers: perf report -g caller -i {os.path.relpath(kept)}\n")

    def print_functions(self, path, sort, title, rows):
        text = subprocess.run(
            ["perf", "report", "-i", path, "--no-children", "-g", "none",
             "--stdio", "-q", "-s", sort], capture_output=True, text=True,
            check=False).stdout
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        print(f"{title}\n\n" + "\n".join(lines[:rows]) + "\n")


def check(result):
    if gauge.wrong(result):
        raise gauge.Failed(gauge.wrong(result))


def count_switches(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            total += sum(int(n) for n in re.findall(
                r"ctxt_switches:\s+(\d+)", f.read()))
    return total


def print_calls(name, path, requests):
    counts = collections.Counter()
    with open(path) as f:
        for line in f:
            words = line.split()
            if len(words) > 1 and words[0].isdigit() \
                    and words[-1] != "total":
                counts[words[-1]] += int(words[0])
    total = sum(counts.values())
    print(f"### {name}: {total / max(requests, 1):.1f} system calls a request"
          f" ({requests} requests)\n")
    print(report.table(["call", "a request"],
                       [[call, f"{n / max(requests, 1):.2f}"]
                        for call, n in counts.most_common(CALLS)]) + "\n")


def interrupt(*_):
    """Ended by a signal, nothing of what was started stays."""
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    parser.add_argument("--bin", default=os.path.join(prepare.ROOT, "build"))
    parser.add_argument("--rounds", type=int, help="unused: there is one")
    parser.add_argument("--secs", type=float, default=3)
    parser.add_argument("--size", choices=list(prepare.SIZES), default="2k")
    parser.add_argument("--front", default="lighttpd",
                        choices=["lighttpd", "nginx", "apache-proxy"])
    parser.add_argument("--running", action="store_true",
                        help="handlers run beside the load")
    options = parser.parse_args()
    prepare.npm()
    profile = Profile(options)
    system = systems.Gaff(profile.scratch, front=options.front,
                          running=options.running)
    try:
        system.start()
        profile.processor(system)
        profile.calls(system)
        profile.functions(system)
    finally:
        process.end_all()
        shutil.rmtree(profile.scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
