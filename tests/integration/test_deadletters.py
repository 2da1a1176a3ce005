"""Dead letters (promise 7): complete files that ordinary tools can read.

Turns red when: a letter is written under its final name, the body is not the
bytes that came in, `dead` is set before the file is there, or a replayed
letter can be replayed again without being asked for.
"""

import json
import os
import re
import stat
import subprocess

import pytest

from kit import ledger, sign
from kit.wait import until

BODY = bytes(range(256)) + b'\n{"line": 2}\n\n'


@pytest.fixture
def dead(site, receiver):
    """A delivery that has died; the receiver would accept it now."""
    receiver.answer = 410
    site.up(ledger.source(site) + f"""
[route gone]
type = *
post = {receiver.url}
[route tell-me]
source = gaff
type = delivery.dead
run = {site.handler("told")}
""")
    headers = sign.standard(BODY, "k1") + [("X-Kept", "yes"),
                                           ("Cookie", "no")]
    answer = site.post("/hooks/load?a=b", headers, BODY)
    assert answer.status == 200, answer
    site.event_id = answer.json()["id"]
    site.wait_state(site.event_id, "gone", "dead")
    receiver.answer = 200
    site.letter = site.dead_files()[0]
    return site


def test_head_and_tail_read_it(dead):
    """`head -n1 | json` and `tail -n +2`, as the manual says."""
    head = json.loads(subprocess.run(["head", "-n1", dead.letter],
                                     capture_output=True).stdout)
    body = subprocess.run(["tail", "-n", "+2", dead.letter],
                          capture_output=True).stdout
    assert body == BODY
    want = {"format": 1, "id": dead.event_id, "source": "load", "key": "k1",
            "route": "gone", "scheme": "standard-webhooks",
            "worker": "local", "reason": "final", "query": "a=b",
            "content_type": "application/json", "remote": "127.0.0.1",
            "body_bytes": len(BODY), "body_sha256": sign.sha256(BODY)}
    assert {k: head.get(k) for k in want} == want
    assert [(a["outcome"], set(a) >= {"at", "ms", "outcome", "detail"})
            for a in head["attempts"]] == [("status:410", True)]
    assert head["headers"]["x-kept"] == "yes"
    assert not {"cookie", "webhook-signature"} & set(head["headers"])
    for name in ("received_at", "died_at"):
        assert head[name].endswith("Z"), head[name]
    assert stat.S_IMODE(os.stat(dead.letter).st_mode) == 0o640
    dead.check_letter(dead.letter)


def test_list_and_show(dead):
    listed = dead.json("dead", "list")
    assert [x["id"] for x in listed] == [dead.event_id]
    part = dead.event_id[-8:]
    shown = dead.json("dead", "show", part)
    assert shown["id"] == dead.event_id
    assert dead.gaff("dead", "show", part, "--body").stdout == BODY


def test_somebody_is_told(dead):
    """gaff's own event about it; and that one begets no other."""
    run = dead.wait_runs(1, "told")[0]
    assert run["env"]["GAFF_SOURCE"] == "gaff"
    assert run["env"]["GAFF_TYPE"] == "delivery.dead"


def test_replay_once(dead, receiver):
    """Delivered again with the same bytes, moved to replayed/, refused a
    second time without --again."""
    before = len(receiver.got())
    dead.gaff("dead", "replay", dead.event_id, "--yes")
    got = until(lambda: receiver.got()[before:], "the replayed delivery")[0]
    assert got.body == BODY
    assert got.headers["gaff-key"] == "k1"
    until(lambda: replays(dead)[1] == "delivered", "replay is delivered",
          found=lambda: replays(dead))
    assert dead.dead_files() == []
    moved = dead.path("dead/replayed/") + os.path.basename(dead.letter)
    found = []
    for top, _, names in os.walk(dead.path("dead/replayed")):
        found += [os.path.join(top, n) for n in names]
    assert [os.path.basename(p) for p in found] == [
        os.path.basename(moved)], found
    dead.gaff("dead", "replay", found[0], "--yes", code=1)
    dead.gaff("dead", "replay", dead.event_id, "--yes", code=1)
    assert len(receiver.got()) == before + 1
    dead.gaff("dead", "replay", found[0], "--yes", "--again")
    until(lambda: len(receiver.got()) == before + 2, "one more with --again")


def replays(site):
    return {d["replay"]: d["state"]
            for d in site.show(site.event_id)["deliveries"]}


def test_replay_that_dies_again(dead, receiver):
    """A second letter with a name of its own."""
    receiver.answer = 410
    dead.gaff("replay", dead.event_id, "--yes")
    until(lambda: len(dead.dead_files()) == 2, "two letters",
          found=dead.dead_files)
    names = [os.path.basename(p) for p in dead.dead_files()]
    assert names == [f"{dead.event_id}.gone.{n}.dead" for n in (0, 1)]
    for path in dead.dead_files():
        dead.check_letter(path)


def test_provider_sends_it_again(dead, receiver):
    """"Redeliver" at the provider: a duplicate that revives the dead."""
    before = len(receiver.got())

    def again():
        answer = dead.post("/hooks/load", sign.standard(BODY, "k1"), BODY)
        assert answer.status == 200, answer
        assert answer.json()["status"] == "duplicate"
        assert answer.json()["id"] == dead.event_id
        return answer.json()
    # the first time at once, then at most once in backoff_max (6 h)
    receiver.answer = 410
    assert again().get("revived") == ["gone"]
    until(lambda: replays(dead) == {0: "dead", 1: "dead"}, "it dies again",
          found=lambda: replays(dead))
    assert "revived" not in again()
    receiver.answer = 200
    with open(dead.conf) as f:
        text = f.read()
    dead.write("gaff.conf", re.sub(r"^(post|run) = ", r"backoff = 1ms\n"
                                   r"backoff_max = 1ms\n\1 = ", text,
                                   flags=re.M))
    dead.reload(dead.workers["local"])
    until(lambda: again().get("revived") == ["gone"], "it is revived")
    until(lambda: len(receiver.got()) == before + 2, "it is delivered")
    assert again().get("revived") is None


def test_letter_of_a_lost_store(dead, receiver):
    """Without the store, the file alone is enough to replay."""
    dead.gateways[0].stop()
    dead.workers["local"].stop()
    for name in os.listdir(dead.path("store")):
        os.unlink(dead.path("store/" + name))
    dead.worker()
    before = len(receiver.got())
    dead.gaff("dead", "replay", dead.letter, "--yes")
    got = until(lambda: receiver.got()[before:], "the replayed delivery")[0]
    assert got.body == BODY
    assert got.headers["gaff-key"] == "k1"
    assert got.headers.get("x-kept") == "yes"


def test_damaged_letter_is_refused(dead, receiver):
    with open(dead.letter, "r+b") as f:
        f.seek(-3, os.SEEK_END)
        f.write(b"X")
    before = len(receiver.got())
    dead.gateways[0].stop()
    dead.workers["local"].stop()
    for name in os.listdir(dead.path("store")):
        os.unlink(dead.path("store/" + name))
    dead.worker()
    run = dead.gaff("dead", "replay", dead.letter, "--yes", code=1)
    assert dead.letter.encode() in run.stderr
    assert len(receiver.got()) == before


def test_leftovers_are_swept(dead):
    """A letter half written by a killed worker is not taken for one."""
    day = os.path.dirname(dead.letter)
    names = set(os.listdir(dead.path("dead")))
    dead.workers["local"].kill()
    dead.worker()
    assert set(os.listdir(dead.path("dead"))) == names
    assert os.listdir(day) == [os.path.basename(dead.letter)]


def test_purge(dead):
    dead.gaff("dead", "purge", dead.event_id, "--yes")
    assert dead.dead_files() == []
