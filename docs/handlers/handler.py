#!/usr/bin/python3
"""A handler in Python: puts each order into a database, once.

	run = /usr/local/bin/handler.py
	env = DATABASE=/var/lib/shop/orders.db
"""

import json
import os
import sqlite3
import sys

try:
    number = json.load(sys.stdin.buffer)["order"]["number"]
except (ValueError, KeyError, TypeError) as error:
    # wrong now, wrong for ever: 100, and it becomes a dead letter
    print("not an order:", error, file=sys.stderr)
    sys.exit(100)

agent = json.loads(os.environ["GAFF_HEADERS"]).get("user-agent", "-")

# An exception ends this with 1: it is tried again.  The id and the work are
# one transaction, so that a second run finds both or neither.
database = sqlite3.connect(os.environ["DATABASE"], timeout=20)
with database:
    database.execute("CREATE TABLE IF NOT EXISTS orders "
                     "(event TEXT PRIMARY KEY, type, number, agent)")
    database.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?)",
                     (os.environ["GAFF_EVENT_ID"], os.environ["GAFF_TYPE"],
                      number, agent))
