"""Providers' signatures, written from their documentation and not from gaff.

Each function returns the headers of a good request for `body`.
"""

import base64
import hashlib
import hmac
import time

GITHUB = "It's a Secret to Everybody"
STRIPE = "whsec_c3RyaXBlIHNlY3JldCBvZiB0aGUgdGVzdHM"
SLACK = "8f742231b10e8888abcd99yyyzzz85a5"
SHOPIFY = "hush-shopify-hush"
STANDARD = "whsec_" + base64.b64encode(b"standard webhooks of gaff").decode()
ACME = "acme-secret-of-the-tests"
TOKEN = "s3same-0pen-s3same"
USER, PASSWORD = "aladdin", "0pen-s3same-0pen"

JSON = ("Content-Type", "application/json")


def mac(secret, data, kind="sha256"):
    if isinstance(secret, str):
        secret = secret.encode()
    return hmac.new(secret, data, kind)


def github(body, delivery, event="push", secret=GITHUB):
    return [JSON, ("X-GitHub-Event", event), ("X-GitHub-Delivery", delivery),
            ("X-Hub-Signature-256", "sha256=" + mac(secret, body).hexdigest())]


def stripe(body, at=None, secret=STRIPE):
    at = str(int(time.time() if at is None else at))
    digest = mac(secret, at.encode() + b"." + body).hexdigest()
    return [JSON, ("Stripe-Signature", f"t={at},v1={digest}")]


def slack(body, at=None, secret=SLACK):
    at = str(int(time.time() if at is None else at))
    digest = mac(secret, b"v0:" + at.encode() + b":" + body).hexdigest()
    return [JSON, ("X-Slack-Request-Timestamp", at),
            ("X-Slack-Signature", "v0=" + digest)]


def shopify(body, webhook_id, topic="orders/create", secret=SHOPIFY):
    digest = base64.b64encode(mac(secret, body).digest()).decode()
    return [JSON, ("X-Shopify-Hmac-Sha256", digest),
            ("X-Shopify-Topic", topic), ("X-Shopify-Webhook-Id", webhook_id)]


def standard(body, message_id, at=None, secret=STANDARD):
    at = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = mac(key, f"{message_id}.{at}.".encode() + body).digest()
    return [JSON, ("webhook-id", message_id), ("webhook-timestamp", at),
            ("webhook-signature", "v1," + base64.b64encode(digest).decode())]


def acme(body, secret=ACME):
    return [JSON, ("X-Acme-Signature", mac(secret, body).hexdigest())]


def bearer(token=TOKEN):
    return [JSON, ("Authorization", "Bearer " + token)]


def basic(user=USER, password=PASSWORD):
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return [JSON, ("Authorization", "Basic " + text)]


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def verify_standard(headers, body, secret=STANDARD):
    """What a receiver of a signed `post` does; `headers` is a dict."""
    want = dict(standard(body, headers["webhook-id"],
                         headers["webhook-timestamp"], secret))
    return headers["webhook-signature"] == want["webhook-signature"]
