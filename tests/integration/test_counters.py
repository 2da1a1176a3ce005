"""What gateways count reaches the worker, added up.

Turns red when: a gateway does not tell its last counters before it stops
(fcgi/link.c); the worker forgets ended processes, counts one twice after its
link broke, or begins with old numbers after its own restart (worker/links.c).
"""

import signal

from kit import ledger, sign
from kit.wait import until

ROUTE = """
[route keep]
run = /bin/true
"""


def post(site, key, size=100, forged=b""):
    data = b'{"key": "%s", "pad": "%s"}' % (key.encode(), b"x" * size)
    return site.post("/hooks/load", sign.standard(data, key), data + forged)


def sources(site):
    return site.json_any("status")[0]["sources"]


def wait_source(site, name="load", **numbers):
    """Until the worker knows these counters of a source."""
    def told():
        found = sources(site).get(name, {})
        return all(found.get(k) == v for k, v in numbers.items()) and found
    return until(told, f"counters of {name!r}: {numbers}", 15,
                 found=lambda: sources(site).get(name))


def test_members(site):
    site.up(ledger.source(site) + ROUTE)
    assert list(sources(site)) == ["load"]
    assert "codes" not in sources(site)["load"]
    assert post(site, "a").status == 200
    assert post(site, "a").status == 200
    assert post(site, "b", size=5000).status == 200
    assert post(site, "c", forged=b" ").status == 401
    assert site.post("/hooks/nobody", {}, b"{}").status == 404
    found = wait_source(site, accepted=2, duplicate=1, refused=1)
    assert found["codes"] == {"200": 3, "401": 1}
    assert list(found["reasons"].values()) == [1]
    assert found["reason"] in found["reasons"]
    assert sum(found["duration_us"]["n"]) == 4
    assert found["duration_us"]["sum"] > 0
    assert len(found["duration_us"]["n"]) == 12
    assert found["body_bytes"]["n"] == [3, 0, 0, 1, 0, 0, 0, 0, 0]
    assert found["last_accepted_ms"] and found["last_refused_ms"]
    assert wait_source(site, "", refused=1)["codes"] == {"404": 1}
    gateway = site.json_any("status")[0]["gateways"][0]
    assert gateway["parked"] == 0 and gateway["started_ms"] > 0


def test_ended_gateways_count(site):
    """Nothing is lost when one stops in order, nothing is counted twice when
    one was only cut off."""
    site.up(ledger.source(site) + ROUTE)
    for i in range(3):
        assert post(site, f"first-{i}").status == 200
    assert site.gateways[0].stop() == 0
    wait_source(site, accepted=3)
    site.gateway()
    assert post(site, "second").status == 200
    wait_source(site, accepted=4)
    gateway = site.gateways[-1]
    gateway.signal(signal.SIGSTOP)
    until(lambda: not site.json_any("status")[0]["gateways"],
          "the worker has forgotten the link", 15)
    gateway.signal(signal.SIGCONT)
    site.wait_ready()
    assert post(site, "third").status == 200
    wait_source(site, accepted=5)


def test_restarted_worker_begins_at_zero(site):
    site.up(ledger.source(site) + ROUTE)
    for i in range(3):
        assert post(site, f"first-{i}").status == 200
    wait_source(site, accepted=3)
    assert site.workers["local"].stop() == 0
    site.worker()
    site.wait_ready()
    assert post(site, "second").status == 200
    found = wait_source(site, accepted=1)
    assert found["codes"] == {"200": 1}
