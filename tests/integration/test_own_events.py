"""gaff's own events: somebody is told, once, and nothing comes of that.

Turns red when: each of many dead letters is told apart, own events beget
others, a restart forgets when a source was heard, a full store cannot say
so, or an orderly stop of a gateway looks like an accident.
"""

import json
import os
import re
import socket

from kit import ledger, sign
from kit.wait import until

TELL = """
[route tell-me]
source = gaff
{type}
post = {url}
"""


def tell(receiver, type=""):
    """The route that hears of gaff itself."""
    return TELL.format(url=receiver.url.replace("/in", "/told"), type=type)


def gone(receiver, more=""):
    """A route for all else."""
    return f"[route gone]\npost = {receiver.url}\n{more}\n"


def told(receiver, name):
    """The bodies of own events of this type, in order."""
    return [json.loads(r.body) for r in receiver.got()
            if r.path == "/told" and r.headers["gaff-type"] == name]


def wait_told(receiver, name, timeout=30):
    return until(lambda: told(receiver, name), f"{name} is told", timeout,
                 found=lambda: [(r.headers.get("gaff-type"), r.body)
                                for r in receiver.got() if r.path == "/told"]
                 )[0]


def post(site, key):
    data = b'{"type": "t"}'
    answer = site.post("/hooks/load", sign.standard(data, key), data)
    assert answer.status == 200, answer
    return answer.json()["id"]


def only(path, status):
    """An answer for the receiver: this status there, 200 elsewhere."""
    return lambda got: status if got.path == path else 200


def common(body, worker="local"):
    """What is in every body."""
    assert body["worker"] == worker
    assert body["host"] == socket.gethostname()
    assert body["count"] >= 1
    assert body["since"].endswith("Z")
    return body


def own_types(site):
    return [e["type"] for e in site.json("events", "--source", "gaff")]


def test_twenty_deaths_are_one_event(site, receiver):
    receiver.answer = only("/in", 410)
    site.up(ledger.source(site) + gone(receiver, "failing_over = 100%")
            + tell(receiver))
    ids = [post(site, f"k{n}") for n in range(20)]
    for event_id in ids:
        site.wait_state(event_id, "gone", "dead", timeout=30)
    body = common(wait_told(receiver, "delivery.dead"))
    assert body["route"] == "gone"
    assert body["id"] in ids
    assert body["reason"] == "final"
    assert body["next"] == "gaff dead list --route gone"
    assert own_types(site) == ["delivery.dead"]
    assert site.gaff(*body["next"].split()[1:]).stdout


def test_own_events_beget_no_others(site, receiver):
    """They die and fail without a word; a failing route is told beside."""
    receiver.answer = lambda got: 410 if got.path == "/in" else 500
    site.up(ledger.source(site) + gone(receiver) + tell(receiver)
            + "attempts = 15\nbackoff = 1ms\nbackoff_max = 1ms\n")
    first = post(site, "k")
    site.wait_state(first, "gone", "dead")
    own = until(lambda: site.json("events", "--source", "gaff"),
                "an own event")[0]["id"]
    site.wait_state(own, "tell-me", "dead", timeout=30)
    assert own_types(site) == ["delivery.dead"]
    # by the beat that sees these fail, those of tell-me were seen
    for n in range(12):
        post(site, f"bad-{n}")
    until(lambda: "route.failing" in own_types(site), "route.failing", 30,
          found=lambda: own_types(site))
    assert wait_told(receiver, "route.failing")["route"] == "gone"
    assert sorted(own_types(site)) == ["delivery.dead", "route.failing"]


def test_nobody_listens(site, receiver):
    """Without a route that takes it nothing is stored."""
    receiver.answer = only("/in", 410)
    site.up(ledger.source(site) + gone(receiver)
            + tell(receiver, "type = store.low"))
    event_id = post(site, "k")
    site.wait_state(event_id, "gone", "dead")
    assert own_types(site) == []


def test_route_failing(site, receiver):
    receiver.answer = only("/in", 503)
    site.up(ledger.source(site) + gone(receiver)
            + tell(receiver, "type = route.failing"))
    for n in range(12):
        post(site, f"k{n}")
    body = common(wait_told(receiver, "route.failing"))
    assert body["route"] == "gone"
    assert body["attempts"] >= 10
    assert body["percent"] == 100
    assert body["failing_over"] == 10
    assert body["last_outcome"] == "status:503"
    assert site.gaff(*body["next"].split()[1:]).stdout


def silent(site, limit):
    """The source's section with that limit."""
    return ledger.source(site) + f"silent_after = {limit}\n"


def test_source_silent(site, receiver):
    """At once after a reload; a new start knows it from the store."""
    rest = gone(receiver) + tell(receiver)
    site.up(silent(site, "1h") + "[source never]\nscheme = none\n"
            "allow = 127.0.0.1\n" + rest)
    event_id = post(site, "k")
    site.wait_state(event_id, "gone", "delivered")
    site.configure(silent(site, "1s") + "[source never]\nscheme = none\n"
                   "allow = 127.0.0.1\nsilent_after = 1s\n" + rest)
    site.reload(site.workers["local"])
    until(lambda: len(told(receiver, "source.silent")) == 2, "both", 30)
    heard = {b["source"]: b for b in told(receiver, "source.silent")}
    common(heard["load"])
    assert heard["load"]["last_at"] is not None
    assert heard["load"]["silent_ms"] >= 1000
    assert heard["never"]["last_at"] is None
    assert site.gaff(*heard["load"]["next"].split()[1:]).stdout
    site.workers["local"].stop()
    site.worker()
    until(lambda: len(told(receiver, "source.silent")) == 4, "again", 30)
    again = {b["source"]: b for b in told(receiver, "source.silent")[2:]}
    assert again["load"]["last_at"] is not None
    assert again["load"]["silent_ms"] > heard["load"]["silent_ms"]
    assert again["never"]["last_at"] is None


def reserve(site, size):
    """A reload with this reserve."""
    with open(site.conf) as f:
        text = f.read()
    site.write("gaff.conf", re.sub(r"^reserve = .*", f"reserve = {size >> 20}M",
                                   text, flags=re.M))
    site.reload(site.workers["local"])


def free(site):
    stat = os.statvfs(site.path("store"))
    return stat.f_bavail * stat.f_frsize


def test_store_low(site, receiver):
    """While senders are still answered."""
    site.up(ledger.source(site) + gone(receiver) + tell(receiver))
    reserve(site, free(site) * 2 // 3)
    body = common(wait_told(receiver, "store.low"))
    assert body["state"] == "accepting"
    assert 0 < body["reserve_bytes"] < body["free_bytes"] \
        < 2 * body["reserve_bytes"]
    post(site, "k")


def test_store_full(site, receiver):
    """There is room for this one event still, and it is delivered."""
    site.up(ledger.source(site) + gone(receiver) + tell(receiver),
            gateway="answer_within = 1s")
    reserve(site, free(site) * 4)
    body = common(wait_told(receiver, "store.low"))
    assert body["state"] == "full"
    data = b"{}"
    assert site.post("/hooks/load", sign.standard(data, "k"),
                     data).status == 503


def test_link_down(site, receiver):
    """A gateway that stops in good order is none; one that is killed is."""
    site.up(ledger.source(site) + gone(receiver) + tell(receiver))
    assert site.gateways[0].stop() == 0
    second = site.gateway(name="second")
    second.kill()
    body = common(wait_told(receiver, "link.down"))
    assert body["gateway"] == socket.gethostname()
    assert body["pid"] == second.pid
    assert body["count"] == 1
    assert own_types(site) == ["link.down"]
