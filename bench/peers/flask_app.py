"""Flask and Redis: check the signature, queue, answer.  What many write."""

import hashlib
import hmac
import os

import redis
from flask import Flask, request

SECRET = os.environ["HOOK_SECRET"].encode()
app = Flask(__name__)
queue = redis.Redis(port=int(os.environ["REDIS_PORT"]))


@app.post("/hooks/github")
def github():
    body = request.get_data()
    mac = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    given = request.headers.get("X-Hub-Signature-256", "")
    if not hmac.compare_digest(mac, given):
        return {"status": "refused"}, 401
    facts = (request.headers.get("X-GitHub-Delivery", "") + " "
             + request.headers.get("X-GitHub-Event", "") + "\n")
    queue.rpush("hooks", facts.encode() + body)
    return {"status": "accepted"}
