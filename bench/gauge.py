"""Measuring: requests offered, processor time and memory of processes."""

import json
import os
import resource
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A measurement that does not count, and why."""


def descendants(pid):
    """Live pids below a process."""
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as f:
                    todo += [int(child) for child in f.read().split()]
        except OSError:
            continue
        if parent != pid:
            found.append(parent)
    return found


def times(pid):
    """Seconds of a process, and of those it has waited for."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    user, system, dead_user, dead_system = map(int, fields[11:15])
    return (user + system) / TICK, (dead_user + dead_system) / TICK


def cpu(processes):
    """Seconds by name; `NAME children` are all processes below it."""
    found = {}
    for name, pid in processes:
        own, dead = times(pid)
        found[name] = found.get(name, 0) + own
        below = dead + sum(sum(times(p)) for p in descendants(pid))
        if below:
            key = name + " children"
            found[key] = found.get(key, 0) + below
    return found


def pss(processes):
    """MiB by name, with all processes below each."""
    found = {}
    for name, pid in processes:
        for p in [pid, *descendants(pid)]:
            try:
                with open(f"/proc/{p}/smaps_rollup") as f:
                    kb = sum(int(line.split()[1]) for line in f
                             if line.startswith("Pss:"))
            except OSError:
                continue
            found[name] = found.get(name, 0) + kb / 1024
    return found


def busy():
    """Seconds that all processors of the machine have worked."""
    with open("/proc/stat") as f:
        fields = f.readline().split()[1:]
    idle = int(fields[3]) + int(fields[4])  # idle, iowait
    return (sum(map(int, fields[:8])) - idle) / TICK


class Load:
    """bench/load, running."""

    def __init__(self, program, port, requests, **options):
        """`requests` is what prepare.py made; the options are load's."""
        argv = [program, "-p", str(port), "-u", requests["path"],
                "-k", requests["kind"], "-s", requests["secret"]]
        for name, value in options.items():
            argv += ["-" + name, str(value)]
        self.before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.popen = subprocess.Popen([*argv, *requests["files"]],
                                      stdout=subprocess.PIPE)

    def end(self):
        """What it counted, with its own processor time."""
        out, _ = self.popen.communicate()
        if self.popen.returncode != 0:
            raise Failed(f"load ended with {self.popen.returncode}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = json.loads(out)
        result["cpu"] = (after.ru_utime + after.ru_stime
                         - self.before.ru_utime - self.before.ru_stime)
        return result


def wrong(result):
    """What was not a 2xx, as a sentence; None when all were."""
    parts = [f"{n} x {status}" for status, n in result["other"].items()]
    if result["unanswered"]:
        parts.append(f"{result['unanswered']} unanswered")
    if result["requests"] == 0:
        parts.append("nothing answered in time")
    return ", ".join(parts) or None


def measure(program, system, requests, **options):
    """One load against a system: its counts, microseconds of processor time a
    request by process, what went wrong, and how many processors were busy with
    anything else."""
    before, begin = cpu(system.processes()), (busy(), time.monotonic())
    result = Load(program, system.port, requests, **options).end()
    after, end = cpu(system.processes()), (busy(), time.monotonic())
    spent = {name: after[name] - before.get(name, 0) for name in after}
    spent["load"] = result.pop("cpu")
    result["others"] = max(0, end[0] - begin[0] - sum(spent.values())) / (
        end[1] - begin[1])
    n = max(result["ok"], 1)
    result["cpu_us"] = {k: v * 1e6 / n for k, v in spent.items()}
    result["failed"] = wrong(result)
    return result
