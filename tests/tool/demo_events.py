"""Webhooks as five providers send them, signed by the providers' own rules.

Nothing of gaff is used here: the signatures come from the providers' pages
and Python's hmac.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid

SECRETS = {
    "github": "It's a Secret to Everybody",
    "stripe": "whsec_d3m0N0tARea1SigningSecret0f4ny0ne",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "shopify": "hush-0123456789abcdef",
    "standard": "whsec_" + base64.b64encode(b"a demo key of 24 bytes!!").decode(),
}


def _mac(secret, content):
    return hmac.new(secret, content, hashlib.sha256)


def _compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def github(event, payload, secret=None):
    """docs.github.com: validating-webhook-deliveries."""
    body = _compact(payload)
    key = (secret or SECRETS["github"]).encode()
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": "292430182",
        "X-GitHub-Hook-Installation-Target-ID": "186853002",
        "X-GitHub-Hook-Installation-Target-Type": "repository",
        "X-Hub-Signature": "sha1="
        + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + _mac(key, body).hexdigest(),
    }


def github_push(secret=None):
    after = uuid.uuid4().hex + "0a1b2c3d"
    return github("push", {
        "ref": "refs/heads/main",
        "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "after": after,
        "repository": {"id": 186853002, "name": "shop",
                       "full_name": "octo-org/shop", "private": False,
                       "default_branch": "main"},
        "pusher": {"name": "octocat", "email": "octocat@example.com"},
        "sender": {"login": "octocat", "id": 583231, "type": "User"},
        "head_commit": {"id": after, "message": "Fix the till – again",
                        "author": {"name": "Mona Lisa"}},
        "commits": [{"id": after, "message": "Fix the till – again",
                     "added": [], "removed": [], "modified": ["till.php"]}],
    }, secret)


def stripe(event_type, event_id, data):
    """docs.stripe.com/webhooks: verify manually.  The body is indented, as
    Stripe sends it."""
    body = json.dumps({
        "id": event_id, "object": "event", "api_version": "2024-06-20",
        "created": int(time.time()), "data": {"object": data},
        "livemode": False, "pending_webhooks": 1,
        "request": {"id": "req_kP2XnVqKkDNNbR", "idempotency_key": None},
        "type": event_type,
    }, indent=2).encode()
    return body, stripe_headers(body)


def stripe_headers(body):
    now = str(int(time.time()))
    signed = _mac(SECRETS["stripe"].encode(), now.encode() + b"." + body)
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": "t=%s,v1=%s,v0=%s"
        % (now, signed.hexdigest(), "0" * 64),
    }


def stripe_id():
    return "evt_1" + uuid.uuid4().hex[:23]


def stripe_paid(event_id):
    return stripe("invoice.paid", event_id, {
        "id": "in_1NxGf2LkdIwHu7ixT3wq0pVZ", "object": "invoice",
        "amount_paid": 2000, "currency": "eur",
        "customer": "cus_OklVXbbTOWDgsM", "paid": True, "status": "paid",
        "lines": {"object": "list", "data": []}})


def stripe_deleted(event_id):
    return stripe("customer.deleted", event_id, {
        "id": "cus_OklVXbbTOWDgsM", "object": "customer",
        "email": "jenny@example.com", "name": "Jenny Rosen"})


def slack(payload):
    """api.slack.com: verifying requests from Slack."""
    body = _compact(payload)
    now = str(int(time.time()))
    base = b"v0:" + now.encode() + b":" + body
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": "v0="
        + _mac(SECRETS["slack"].encode(), base).hexdigest(),
    }


def slack_challenge(challenge):
    return slack({"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
                  "challenge": challenge, "type": "url_verification"})


def slack_mention():
    now = "%.6f" % time.time()
    return slack({
        "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "team_id": "T061EG9R6",
        "api_app_id": "A0PNCHHK2",
        "event": {"type": "app_mention", "user": "U061F7AUR",
                  "text": "<@U0LAN0Z89> is it everything a river should be?",
                  "ts": now, "channel": "C0LAN2Q65", "event_ts": now},
        "type": "event_callback",
        "event_id": "Ev" + uuid.uuid4().hex[:9].upper(),
        "event_time": int(time.time()),
        "authorizations": [{"enterprise_id": None, "team_id": "T061EG9R6",
                            "user_id": "U0LAN0Z89", "is_bot": True}]})


def shopify_order():
    """shopify.dev: deliver webhooks through HTTPS."""
    body = _compact({
        "id": 820982911946154508,
        "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
        "created_at": "2026-11-22T03:14:40+01:00", "currency": "EUR",
        "email": "jon@example.com", "financial_status": "paid",
        "name": "#9999", "total_price": "388.00",
        "line_items": [{"id": 487817672276298554,
                        "title": "Aviator sunglasses", "quantity": 1,
                        "price": "89.99", "sku": "SKU2006-001"}]})
    mac = _mac(SECRETS["shopify"].encode(), body).digest()
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-API-Version": "2026-10",
        "X-Shopify-Event-Id": str(uuid.uuid4()),
        "X-Shopify-Hmac-Sha256": base64.b64encode(mac).decode(),
        "X-Shopify-Shop-Domain": "demo.myshopify.com",
        "X-Shopify-Topic": "orders/paid",
        "X-Shopify-Triggered-At": "2026-11-22T02:14:41.000000000Z",
        "X-Shopify-Webhook-Id": str(uuid.uuid4()),
    }


def standard_headers(key_text, message_id, body, now=None):
    """standardwebhooks.com: the specification, symmetric signatures."""
    now = now or str(int(time.time()))
    key = base64.b64decode(key_text[len("whsec_"):])
    content = b".".join([message_id.encode(), now.encode(), body])
    mac = _mac(key, content).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": now,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


def standard_user():
    body = _compact({"type": "user.created",
                     "timestamp": "2026-11-22T03:14:40.000Z",
                     "data": {"id": str(uuid.uuid4()),
                              "email": "jon@example.com"}})
    headers = standard_headers(
        SECRETS["standard"], "msg_" + uuid.uuid4().hex, body)
    headers["Content-Type"] = "application/json"
    return body, headers
