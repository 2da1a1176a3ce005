"""What the numbers were measured on."""

import os
import platform
import subprocess
import time

PACKAGES = (
    "lighttpd", "nginx-light", "apache2", "libfcgi0ldbl", "libzmq5",
    "libsqlite3-0", "libssl3", "webhook", "redis-server", "python3-flask",
    "gunicorn", "python3-fastapi", "uvicorn")


def output(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True,
                              check=False).stdout.strip()
    except OSError:
        return ""


def cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def sync_us(directory):
    """Median microseconds of 4 KiB and fdatasync at the end of a file."""
    path, took = os.path.join(directory, "sync"), []
    with open(path, "wb", buffering=0) as f:
        for _ in range(200):
            f.write(bytes(4096))
            begin = time.monotonic()
            os.fdatasync(f.fileno())
            took.append(time.monotonic() - begin)
    os.unlink(path)
    return sorted(took)[len(took) // 2] * 1e6


def facts(directory):
    versions = dict(
        line.split() for line in output(
            "dpkg-query", "-W", "-f", "${Package} ${Version}\n",
            *PACKAGES).splitlines() if len(line.split()) == 2)
    versions["node"] = output("node", "--version")
    return {
        "cpu": cpu_model(), "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE")
                            * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "disk": output("stat", "-f", "-c", "%T", directory),
        "sync_us": round(sync_us(directory)),
        "date": time.strftime("%Y-%m-%d"),
        "versions": versions,
    }


def command(options):
    words = [f"ROUNDS={options.rounds}", f"SECS={options.secs:g}"]
    if options.part:
        words.append(f"ARGS='{' '.join(options.part)}'")
    return " ".join(["make bench", *words])
