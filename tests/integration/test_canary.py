"""No secret is anywhere but where it belongs.

Each secret is a word that is found nowhere else.  After all that can happen to
events, nothing that gaff writes, says or starts may have one in it, as it is
or encoded.

Turns red when: a secret reaches a log line, an argument list, an environment,
the store, a dead letter or an answer (fcgi/ingest.c and fcgi/headers.c blank
them, shared/secret.c reads them); a process may be dumped (shared/process.c).
"""

import base64
import hashlib
import hmac
import json
import os
import signal
from urllib.parse import quote

from kit import sign
from kit.process import children
from kit.receiver import Receiver
from kit.wait import until

# 30 bytes: base64 of one has no padding
CANARY = {
    "hmac": "Canary-hmac-7Qz1vXcR9kLm2TnBw4",
    "token": "Canary-token-5Jd8sHgF3yUe6PiAx",
    "header": "Canary-header-4Wq9zXeC2rVt7Bny",
    "user": "canaryuser:Canary-basic-8Mn3bV",
    "url": "Canary-url-6Lk0jHgT5rEw9QaZs1x",
    "env": "Canary-env-2Xs8wQaZ7eDc4RfVt5g",
}
SIGNING = b"Canary-sign-9Pl3oKmJ6uHy1NbGt4"
CANARY["sign"] = "whsec_" + base64.b64encode(SIGNING).decode()

CONFIG = """
[source hmac]
scheme = hmac
secret = {hmac}
id = header:x-id
type = header:x-type

[source token]
scheme = token
secret = {token}
id = header:x-id

[source header]
scheme = token
signature = header:x-own-token
secret = {header}
id = header:x-id

[source user]
scheme = basic
secret = {user}
id = header:x-id

[source url]
scheme = token
signature = query:token
secret = {url}
id = header:x-id

[route told]
source = *
run = {handler}
env = NAME={env}

[route posted]
source = *
post = {post}
sign = standard-webhooks
sign_secret = {sign}
backoff = 100ms

[route lost]
source = *
run = /bin/sh -c 'cat; echo "$GAFF_HEADERS" >&2; exit 100'
"""


def forms(secret):
    """What a secret would look like: as it is, in hexadecimal, in base64 at
    each of the three places a byte can have in a group, and in a URL."""
    data = secret if isinstance(secret, bytes) else secret.encode()
    found = [data, data.hex().encode(), data.hex().upper().encode(),
             quote(data).encode()]
    for at in range(3):
        text = base64.b64encode(bytes(at) + data).rstrip(b"=")
        # the first and the last characters have bits of what stands beside
        text = text[{0: 0, 1: 2, 2: 3}[at]:-1]
        found += [text, text.replace(b"+", b"-").replace(b"/", b"_")]
    return found


SECRETS = {name: forms(secret) + (forms(SIGNING) if name == "sign" else [])
           for name, secret in CANARY.items()}
# of a user, the password alone too
SECRETS["user"] += forms(CANARY["user"].partition(":")[2])


def secrets_in(data):
    return sorted(name for name, all_forms in SECRETS.items()
                  if any(form in data for form in all_forms))


def requests(name, number):
    """(target, headers, body) of a good request and of two bad ones, which
    have all of the secret in them, and more."""
    secret = CANARY[name]
    body = json.dumps({"number": number}).encode()
    own = [sign.JSON, ("X-Id", f"{name}-{number}"), ("X-Type", "thing")]
    path = f"/hooks/{name}"

    def given(value):
        if name == "url":
            return path + "?a=b&token=" + value + "&c=d", own, body
        if name == "header":
            return path, own + [("X-Own-Token", value)], body
        if name == "user":
            value = "Basic " + base64.b64encode(value.encode()).decode()
        elif name == "token":
            value = "Bearer " + value
        return path, own + [("Authorization", value)], body
    if name == "hmac":
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return ((path, own + [("X-Signature", digest)], body),
                (path, own + [("X-Signature", digest[::-1])], body),
                (path, own + [("X-Signature", secret)], body))
    return given(secret), given(secret + "x"), given("x" + secret)


def send(site):
    """What comes in: accepted, twice, and refused; returns an id of each."""
    ids = {}
    for name in ("hmac", "token", "header", "user", "url"):
        good, *bad = requests(name, 1)
        answer = site.post(*good)
        assert answer.status == 200, (name, answer)
        ids[name] = json.loads(answer.body)["id"]
        assert b"duplicate" in site.post(*good).body
        for request in bad:
            assert site.post(*request).status == 401, request
        # no such source, no such method, with the secret in the request
        path, headers, body = good
        assert site.post(path.replace("/hooks/", "/hooks/no-"), headers,
                         body).status == 404
    return ids


def ours(site):
    """The processes that are gaff, by pid."""
    found = {}
    for pid, text in children().items():
        try:
            if os.readlink(f"/proc/{pid}/exe").startswith(site.bin):
                found[pid] = text
        except PermissionError:  # not dumpable, and we are not root
            if site.bin in text or "gaff" in text:
                found[pid] = text
        except OSError:
            pass
    return found


def look_at_process(pid, text):
    """Nothing in its arguments and environment; nobody may dump it."""
    assert not secrets_in(text.encode()), text
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert not secrets_in(f.read()), text
    except PermissionError:
        pass  # that is the defence
    with open(f"/proc/{pid}/limits") as f:
        core = [x.split() for x in f if x.startswith("Max core file size")]
    assert core[0][4:6] == ["0", "0"], (text, core)
    # proc(5): files of a process that is not dumpable are root's
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0, f"{text} is dumpable"


def files_of(site, leave=("secrets", "told.out")):
    for top, dirs, names in os.walk(site.dir):
        dirs[:] = [d for d in dirs if d not in leave]
        for name in names:
            path = os.path.join(top, name)
            if name not in leave and os.path.isfile(path):
                yield path


def look_at_files(site):
    seen = []
    for path in files_of(site):
        with open(path, "rb") as f:
            data = f.read()
        assert not secrets_in(data), f"{path}: {secrets_in(data)}"
        seen.append(os.path.relpath(path, site.dir))
    return seen


def look_at_answers(site, ids):
    """All that the command line prints of it."""
    verbs = [("check",), ("status",), ("events",), ("dead", "list"),
             ("events", "--json"), ("status", "--json"),
             ("dead", "list", "--json"), ("reload",)]
    for event_id in ids.values():
        verbs += [("show", event_id), ("show", event_id, "--json"),
                  ("dead", "show", event_id)]
    for verb in verbs:
        run = site.gaff(*verb, code=None)
        said = run.stdout + run.stderr
        assert said and not secrets_in(said), (verb, secrets_in(said))


def test_search_finds():
    """The search would find one."""
    for name, secret in CANARY.items():
        data = secret.encode()
        for at in range(3):
            assert name in secrets_in(base64.b64encode(b"u" * at + data + b"e"))
        assert name in secrets_in(b"..." + data + b"...")
        assert name in secrets_in(data.hex().encode())
    assert not secrets_in(b"Canary")


def test_no_secret_anywhere(site):
    answers = [500]
    receiver = Receiver(lambda got: answers.pop() if answers else 200)
    files = {name: site.secret(name, value) for name, value in CANARY.items()}
    site.configure(CONFIG.format(
        handler=site.handler("told"), post=receiver.url, **files))
    site.up()
    ids = send(site)
    for event_id in ids.values():
        site.wait_state(event_id, "told", "delivered")
        site.wait_state(event_id, "posted", "delivered", 30)
        site.wait_state(event_id, "lost", "dead")
    # the handler it is for has it, and the search finds it there
    for run in site.wait_runs(len(ids), "told"):
        assert run["env"]["NAME"] == CANARY["env"]
        assert secrets_in(json.dumps(run).encode()) == ["env"]
    for process in (site.gateways[0], site.workers["local"]):
        site.reload(process)
    # a copy that came when its event was dead has revived it
    before = len(site.dead_files())
    site.gaff("replay", *ids.values(), "--yes")
    until(lambda: len(site.dead_files()) >= before + len(ids),
          "each event is dead once more", 30, found=site.dead_files)
    look_at_answers(site, ids)
    programs = ours(site)
    assert len(programs) >= 3, programs  # gateway, worker, spawner, ...
    for pid, text in programs.items():
        look_at_process(pid, text)
    seen = look_at_files(site)  # with all that is still in the log
    assert any(name.endswith("-wal") for name in seen), seen
    gateway = site.gateways[0]
    gateway.signal(signal.SIGABRT)
    assert gateway.wait() == -signal.SIGABRT
    assert site.workers["local"].stop() == 0
    seen = look_at_files(site)
    for part in (".dead", "gaff.db", "gateway.log", "worker.log"):
        assert any(name.endswith(part) for name in seen), (part, seen)
    assert not [name for name in seen if "core" in name], seen
    receiver.close()
