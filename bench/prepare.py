"""What has to be there before anything is measured: a scratch directory,
packages of npm, and requests made of real payloads."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

from kit import process, sign, site  # noqa: E402

OUT = os.path.join(ROOT, "build/bench")
NPM = os.path.join(OUT, "npm")
EXAMPLES = "node_modules/@octokit/webhooks-examples/api.github.com/index.json"
MARK = "@" * 16
SIZES = {"2k": 2048, "8k": 8192}
# so many different payloads of each size
VARIETY = 8


def npm():
    """The packages of the lock file, once for each state of it."""
    stamp = os.path.join(NPM, "node_modules/.gaff-installed")
    lock = os.path.join(HERE, "peers/package-lock.json")
    with open(lock) as f:
        wanted = f.read()
    if os.path.exists(stamp):
        with open(stamp) as f:
            if f.read() == wanted:
                return
    os.makedirs(NPM, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, "peers", name), NPM)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                    "--loglevel=error"], cwd=NPM, check=True,
                   stdin=subprocess.DEVNULL, stdout=sys.stderr)
    with open(stamp, "w") as f:
        f.write(wanted)


def scratch(programs, measured):
    """A new directory that the user whom the servers run as can reach, with
    all programs in bin/."""
    process.adopt_orphans()
    path = tempfile.mkdtemp(prefix="gaff-bench.", dir=os.environ.get("TMPDIR"))
    os.chmod(path, 0o755)
    process.own(path)
    there = os.path.join(path, "bin")
    os.mkdir(there)
    for name in site.PROGRAMS:
        shutil.copy(os.path.join(programs, name), there)
    for name in measured:
        shutil.copy(os.path.join(programs, "bench", name), there)
    shutil.copy(os.path.join(programs, "tests/tool/sink"), there)
    for name in os.listdir(os.path.join(HERE, "peers")):
        if name.endswith((".py", ".mjs")):
            shutil.copy(os.path.join(HERE, "peers", name), there)
    os.symlink(os.path.join(NPM, "node_modules"),
               os.path.join(there, "node_modules"))
    return path


def reachable_npm(path):
    """Copy node_modules where its place is closed to that user."""
    link = os.path.join(path, "bin/node_modules")
    done = subprocess.run(["/usr/bin/test", "-r", link + "/fastify"],
                          check=False, **process.as_user())
    if done.returncode != 0:
        os.unlink(link)
        shutil.copytree(os.path.join(NPM, "node_modules"), link,
                        symlinks=True)


# ---- requests ----

def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def github_bodies(size):
    """(event, body) of the examples nearest to a size; a first member makes
    each request's body its own."""
    with open(os.path.join(NPM, EXAMPLES)) as f:
        groups = json.load(f)
    found = [(group["name"], compact({"unique": MARK, **example}))
             for group in groups for example in group["examples"]
             if group["name"] != "ping"]  # a probe: gaff delivers none
    found.sort(key=lambda x: (abs(len(x[1].encode()) - size), x[1]))
    return found[:VARIETY]


def github_request(event, body):
    return (f"User-Agent: GitHub-Hookshot/044aadd\nAccept: */*\n"
            f"Content-Type: application/json\nX-GitHub-Event: {event}\n"
            f"X-GitHub-Delivery: 72d3162e-cc78-11e3-{MARK}\n"
            f"X-GitHub-Hook-ID: 292430182\n"
            f"X-GitHub-Hook-Installation-Target-ID: 79929171\n"
            f"X-GitHub-Hook-Installation-Target-Type: repository\n\n{body}")


def stripe_bodies(size):
    """Stripe's event of conf/samples.json with as many lines as its size
    takes; the id, which is in the body, is each request's own."""
    with open(os.path.join(ROOT, "conf/samples.json")) as f:
        sample = json.load(f)["stripe"]
    body = json.loads(compact(sample["body"]).replace(
        "{key}", "evt_1Nxg" + MARK).replace("{type}", sample["type"]))
    body["created"] = 1700000000
    lines = body["data"]["object"]["lines"] = {"object": "list", "data": []}
    while len(compact(body).encode()) < size - 60:
        n = len(lines["data"])
        lines["data"].append({
            "id": f"il_1NxGf2LkdIwHu7ix{n:06d}", "object": "line_item",
            "amount": 1000 + n, "currency": "eur", "quantity": 1,
            "description": f"Position {n}", "proration": False,
            "price": {"id": f"price_{n:06d}", "product": "prod_NjhE"}})
    return [(sample["type"], compact(body))]


def stripe_request(_, body):
    return (f"User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\n"
            f"Accept: */*; q=0.5, application/xml\n"
            f"Content-Type: application/json; charset=utf-8\n\n{body}")


KINDS = {
    "github": (github_bodies, github_request, sign.GITHUB),
    "stripe": (stripe_bodies, stripe_request, sign.STRIPE),
}


def requests(kind, size_name):
    """Write the request files of a kind and size; what gauge.Load takes."""
    bodies, make, secret = KINDS[kind]
    directory = os.path.join(OUT, "requests", f"{kind}-{size_name}")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    files, sizes = [], []
    for event, body in bodies(SIZES[size_name]):
        path = os.path.join(directory, f"{len(files)}-{event}")
        with open(path, "w") as f:
            f.write(make(event, body))
        files.append(path)
        sizes.append(len(body.encode()))
    return {"kind": kind, "path": "/hooks/" + kind, "secret": secret,
            "files": files, "bytes": sizes}
