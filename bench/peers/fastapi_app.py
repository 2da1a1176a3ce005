"""FastAPI and Redis: check the signature, queue, answer."""

import hashlib
import hmac
import os

import redis.asyncio as redis
from fastapi import FastAPI, Request, Response

SECRET = os.environ["HOOK_SECRET"].encode()
app = FastAPI()
queue = redis.Redis(port=int(os.environ["REDIS_PORT"]))


@app.post("/hooks/github")
async def github(request: Request, response: Response):
    body = await request.body()
    mac = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    given = request.headers.get("x-hub-signature-256", "")
    if not hmac.compare_digest(mac, given):
        response.status_code = 401
        return {"status": "refused"}
    facts = (request.headers.get("x-github-delivery", "") + " "
             + request.headers.get("x-github-event", "") + "\n")
    await queue.rpush("hooks", facts.encode() + body)
    return {"status": "accepted"}
