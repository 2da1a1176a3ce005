"""Who is tested: one row an SDK, with a request as the provider sends it.

A row's `body` and `headers` are made for an id that no request had before;
`headers` are those beside the signature.  The event must be stored with that
id as its key (`keyed`) and with `kind` as its type.
"""

import base64
import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

URL = "https://hooks.example.com"


@dataclass(frozen=True)
class Keys:
    """What gaff signs with, what its gateway verifies with, what the SDK is
    given."""
    private: str
    gateway: str
    sdk: str


def text():
    return Keys(*["the s3cret of provider and receiver"] * 3)


def text64():
    return Keys(*["contentful" + "x" * 54] * 3)


def whsec():
    secret = "whsec_" + base64.b64encode(b"twenty-four bytes of key").decode()
    return Keys(secret, secret, secret)


def openssl(*args, stdin=b""):
    return subprocess.run(["openssl", *args], input=stdin, check=True,
                          capture_output=True, timeout=60).stdout


def pair(*algorithm):
    """A new key: the private one in PEM, the public one in DER."""
    private = openssl("genpkey", "-algorithm", *algorithm)
    public = openssl("pkey", "-pubout", "-outform", "DER", stdin=private)
    return private.decode(), public


def ed25519_hex():
    private, public = pair("ED25519")
    return Keys(private, public[-32:].hex(), public[-32:].hex())


def ed25519_base64():
    private, public = pair("ED25519")
    public = base64.b64encode(public[-32:]).decode()
    return Keys(private, public, public)


def ecdsa_base64():
    private, public = pair("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    public = base64.b64encode(public).decode()
    return Keys(private, public, public)


@dataclass(frozen=True)
class Provider:
    sdk: str
    body: Callable
    kind: str = ""
    scheme: str = ""  # default: as the SDK is called here
    headers: Callable = lambda i: {}
    keys: Callable = text
    keyed: bool = True
    signs: bool = False  # the SDK can also sign
    compact: bool = False  # the SDK writes the JSON anew: it must be its own
    form: bool = False  # the body is one, not JSON
    query: Callable | None = None  # of the URL, for a body
    refused: int = 401  # what the provider wants to see then
    signer: str = ""  # what gaff signs by, where the scheme has several
    sends: bool = True  # gaff send and a signed post can, not gaff sign alone
    timeless: bool = False  # the SDK looks at no clock though a time is signed
    source: str = ""  # more of the source's section

    @property
    def name(self):
        return self.scheme or self.sdk

    @property
    def signed_by(self):
        return self.signer or self.name

    @property
    def posts(self):
        """A route can: its URL is fixed, and so is the query."""
        return self.sends and not self.query

    @property
    def content_type(self):
        return ("application/x-www-form-urlencoded" if self.form
                else "application/json")

    def path(self, body):
        """On our web server, with the query."""
        query = self.query(body) if self.query else ""
        return f"/hooks/{self.sdk}{query}"

    def text(self, i):
        """The body, with a character in it for tampered()."""
        members = self.body(i)
        (members[0] if isinstance(members, list) else members)["note"] = "☕"
        if self.form:
            return "&".join(f"{k}={v}" for k, v in members.items())
        if self.compact:
            return json.dumps(members, ensure_ascii=False,
                              separators=(",", ":"))
        return json.dumps(members, ensure_ascii=False, indent=1) + " \r\n"


def tampered(body):
    """One bit of a body changed; it is JSON or a form still."""
    changed = body.replace("☕", "☔")
    assert changed != body and len(changed.encode()) == len(body.encode())
    return changed


def header(name, **more):
    """Headers: the id in `name`, and fixed ones."""
    fixed = {k.replace("_", "-"): v for k, v in more.items()}
    return lambda i: {name: i, **fixed}


def typed(i):
    return {"type": "contact.created", "data": {"n": 1}}


def github(sdk):
    return Provider(
        sdk, lambda i: {"action": "opened", "number": 7},
        "pull_request.opened", "github", signs=True,
        headers=header("x-github-delivery", x_github_event="pull_request"))


def standard(sdk, prefix="webhook", **more):
    return Provider(sdk, typed, "contact.created", headers=header(prefix + "-id"),
                    keys=whsec, **more)


def contentful(sdk, **more):
    signed = ("x-contentful-idempotency-key,x-contentful-signed-headers,"
              "x-contentful-timestamp,x-contentful-topic")
    topic = "ContentManagement.Entry.publish"
    return Provider(
        sdk, lambda i: {"sys": {"id": "e1"}}, topic, "contentful",
        headers=header("x-contentful-idempotency-key",
                       x_contentful_topic=topic,
                       x_contentful_signed_headers=signed),
        keys=text64, signs=True, sends=False, source="tolerance = 300s",
        **more)


def body_sha256(body):
    return "?bodySHA256=" + hashlib.sha256(body.encode()).hexdigest()


PROVIDERS = [
    Provider("stripe", lambda i: {
        "id": i, "object": "event", "type": "invoice.paid"},
        "invoice.paid", signs=True),
    github("octokit"),
    github("octokit-webhooks"),
    standard("svix", "svix", signs=True),
    standard("standardwebhooks", scheme="standard-webhooks", signs=True),
    Provider("workos", lambda i: {
        "id": i, "event": "dsync.user.created", "data": {"object": "x"}},
        "dsync.user.created", signs=True, compact=True),
    Provider("notion", lambda i: {"id": i, "type": "page.created"},
             "page.created", signs=True),
    Provider("sanity", lambda i: {"_id": "drafts.1"}, "create", signs=True,
             headers=header("idempotency-key", sanity_operation="create")),
    Provider("retell", lambda i: {"event": "call_ended", "call": i},
             "call_ended", keyed=False, signs=True),
    Provider("cloudinary", lambda i: {
        "notification_type": "upload", "public_id": i},
        "upload", keyed=False, signs=True),
    Provider("slack", lambda i: {
        "type": "event_callback", "event_id": i,
        "event": {"type": "app_mention"}}, "app_mention"),
    Provider("shopify", lambda i: {"id": 820982911946154508},
             "orders/create", headers=header(
                 "x-shopify-webhook-id", x_shopify_topic="orders/create",
                 x_shopify_api_version="2025-01",
                 x_shopify_shop_domain="gaff.myshopify.com")),
    Provider("discord", lambda i: {"id": i, "type": 2}, "2",
             keys=ed25519_hex),
    Provider("telnyx", lambda i: {"data": {
        "id": i, "event_type": "message.received"}}, "message.received",
        keys=ed25519_base64),
    Provider("linear", lambda i: {
        "action": "create", "webhookTimestamp": int(time.time() * 1000)},
        "Issue", headers=header("linear-delivery", linear_event="Issue"),
        source="tolerance = 300s"),
    Provider("square", lambda i: {
        "event_id": i, "type": "payment.updated"}, "payment.updated",
        source=f"public_url = {URL}/hooks/square"),
    Provider("paddle", lambda i: {
        "event_id": i, "event_type": "thing.of.the.future", "data": {}},
        "thing.of.the.future", source="tolerance = 300s"),
    Provider("webflow", lambda i: {
        "triggerType": "form_submission", "payload": {"id": i}},
        "form_submission", timeless=True),
    Provider("sendgrid", lambda i: [{"event": "delivered", "sg_event_id": i}],
             "delivered", keys=ecdsa_base64, keyed=False),
    Provider("razorpay", lambda i: {"event": "payment.captured"},
             "payment.captured", headers=header("x-razorpay-event-id")),
    Provider("line", lambda i: {"destination": i, "events": []},
             keyed=False),
    Provider("pusher", lambda i: {"time_ms": int(i), "events": []},
             headers=lambda i: {"x-pusher-key": "app-key"}),
    Provider("gocardless", lambda i: {"events": [{"id": i}]}, keyed=False,
             refused=498),
    Provider("easypost", lambda i: {
        "id": i, "description": "tracker.updated"}, "tracker.updated"),
    Provider("onfido", lambda i: {"payload": {
        "action": "check.completed", "object": {"id": i}}},
        "check.completed"),
    Provider("mux", lambda i: {"id": i, "type": "video.asset.ready"},
             "video.asset.ready"),
    standard("openai"),
    standard("resend", "svix"),
    standard("clerk", "svix"),
    standard("replicate", timeless=True),
    Provider("getstream", lambda i: {"type": "message.new"}, "message.new",
             headers=header("x-webhook-id")),
    contentful("contentful"),
    contentful("contentful-query", query=lambda body: "?a=b%20c&d=%C3%A4"),
    Provider("twilio", lambda i: {
        "MessageSid": i, "MessageStatus": "delivered", "From": "%2B14158675309",
        "Body": "two+words"}, "delivered", signs=True, form=True,
        headers=header("i-twilio-idempotency-token"),
        source=f"public_url = {URL}/hooks/twilio"),
    Provider("twilio-json", lambda i: {"CallSid": i}, scheme="twilio",
             signer="twilio.json", signs=True, query=body_sha256,
             headers=header("i-twilio-idempotency-token"),
             source=f"public_url = {URL}/hooks/twilio-json"),
]
