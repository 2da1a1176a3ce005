"""The handlers of docs/handlers, each through a real worker.

Turns red when one of them does an event twice, retries what will never be
right, or gives up what may be right later.
"""

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from kit import sign
from kit.process import own, program
from kit.site import ROOT
from kit.wait import until

HANDLERS = os.path.join(ROOT, "docs/handlers")
CONFIG = """
[source shop]
scheme = hmac
secret = {secret}
type = json:/type
[route orders]
run = {run}
env = ORDERS={orders}
env = DATABASE={orders}/orders.db
timeout = 60s
backoff = 1h
"""

NAMES = ["handler.sh", "handler.py", "handler.php", "handler.js"]


@pytest.fixture(params=NAMES)
def shop(request, site):
    """A site whose route runs that handler."""
    path = site.path(request.param)
    shutil.copy(os.path.join(HANDLERS, request.param), path)
    own(path)
    site.handler_name = request.param
    with open(path) as f:
        run = f.readline().startswith("<?php")
    run = f"{program('php')} {path}" if run else path
    site.orders = site.path("orders")
    site.up(CONFIG.format(run=run, orders=site.orders,
                          secret=site.secret("shop", sign.ACME)))
    return site


def send(site, **body):
    data = json.dumps(body).encode()
    headers = [("x-signature", sign.mac(sign.ACME, data).hexdigest()),
               ("Content-Type", "application/json"),
               ("User-Agent", "shop/1.0 (it's me)")]
    answer = site.post("/hooks/shop", headers, data)
    assert answer.status == 200, answer
    return answer.json()["id"]


def done(site):
    """What the handler has done, as {event: line}."""
    if site.handler_name == "handler.py":
        with closing(sqlite3.connect(site.orders + "/orders.db")) as db:
            return {row[0]: " ".join(map(str, row[1:]))
                    for row in db.execute("SELECT * FROM orders")}
    found = {}
    for name in os.listdir(site.orders):
        with open(os.path.join(site.orders, name)) as f:
            found[name] = f.read().rstrip("\n")
    return found


def attempts(site, event_id):
    return [a["outcome"] for d in site.show(event_id)["deliveries"]
            for a in d["attempts"]]


def test_does_an_event_once(shop):
    site = shop
    site.mkdir("orders")
    event_id = send(site, type="order.paid", order={"number": 1007})
    site.wait_state(event_id, "orders", "delivered", 60)
    line = "order.paid 1007 shop/1.0 (it's me)"
    assert done(site) == {event_id: line}
    site.gaff("replay", event_id, "--yes")
    until(lambda: attempts(site, event_id) == ["ok", "ok"],
          "the second run is done", 60,
          found=lambda: attempts(site, event_id))
    assert done(site) == {event_id: line}


def test_knows_never_from_later(shop):
    site = shop
    later = send(site, type="order.paid", order={"number": 1})
    site.wait_state(later, "orders", "waiting", 60)
    assert attempts(site, later)[0] not in ("ok", "exit:100")
    for body in ({"type": "order.paid"}, {"order": {}}):
        event_id = send(site, **body)
        site.wait_state(event_id, "orders", "dead", 60)
        assert attempts(site, event_id) == ["exit:100"]


def test_none_is_forgotten():
    assert sorted(os.listdir(HANDLERS)) == sorted(NAMES)
