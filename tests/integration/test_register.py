"""gaff register, against an imitation of GitHub's API on this machine.

The imitation follows https://docs.github.com/en/rest/repos/webhooks.  Turns red
when: what is sent is not what GitHub wants, a hook is made twice, a secret or
the token is said, or a refusal is not explained.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kit import sign

TOKEN = "ghp_0123456789tests"
URL = "https://hooks.example.com/hooks/github"
CONFIG = """
[source github]
scheme = github
secret = {}
secret = file:secrets/old
public_url = https://hooks.example.com
[source other]
scheme = hmac
secret = file:secrets/old
public_url = https://hooks.example.com/hooks/other
[source hidden]
scheme = github
secret = file:secrets/old
"""


class GitHub:
    """Hooks of shop/web, which TOKEN may administer."""

    def __init__(self):
        self.hooks, self.requests, self.say = [], [], None
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                n = int(self.headers.get("content-length", 0))
                body = json.loads(self.rfile.read(n)) if n else None
                api.requests.append((self.command, self.path, body))
                status, answer = api.answer(
                    self.command, self.path, self.headers, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = handle_one

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def answer(self, method, path, headers, body):
        if self.say:
            return self.say
        assert headers["Accept"] == "application/vnd.github+json"
        assert headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert headers["User-Agent"].startswith("gaff/")
        if headers["Authorization"] != "Bearer " + TOKEN:
            return 401, {"message": "Bad credentials"}
        base, _, query = path.partition("?")
        if not base.startswith("/repos/shop/web/hooks"):
            return 404, {"message": "Not Found"}
        if method == "GET":
            asked = dict(p.split("=") for p in query.split("&"))
            n, page = int(asked["per_page"]), int(asked["page"])
            return 200, self.hooks[(page - 1) * n:page * n]
        if method == "POST":
            hook = {"id": 1000 + len(self.hooks), **body}
            self.hooks.append(hook)
            return 201, hook
        number = int(base.rpartition("/")[2])
        hook = next(h for h in self.hooks if h["id"] == number)
        hook.update(body)
        return 200, hook

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def github():
    api = GitHub()
    yield api
    api.close()


@pytest.fixture
def ready(site):
    site.configure(CONFIG.format(site.secret("github", sign.GITHUB)))
    site.secret("old", "an older secret")
    site.secret("token", TOKEN)
    return site


def register(site, api, *options, place="shop/web", source="github", code=0):
    run = site.gaff("register", "github", place, "--source", source, "--api",
                    api.url, "--token-file", "secrets/token", *options,
                    code=code)
    text = (run.stdout + run.stderr).decode()
    for secret in (TOKEN, sign.GITHUB, "an older secret"):
        assert secret not in text
    return text


def test_created_then_updated(ready, github):
    """Among many hooks of others; what was set by hand stays."""
    github.hooks = [{"id": i, "config": {"url": f"https://x/{i}"}}
                    for i in range(150)]
    text = register(ready, github)
    assert text == f"created hook 1150 of shop/web: {URL}\n"
    assert github.requests[-1] == ("POST", "/repos/shop/web/hooks", {
        "name": "web", "active": True, "events": ["push"],
        "config": {"url": URL, "content_type": "json", "insecure_ssl": "0",
                   "secret": sign.GITHUB}})
    github.hooks[-1]["events"] = ["issues"]
    text = register(ready, github)
    assert text == f"updated hook 1150 of shop/web: {URL}\n"
    assert len(github.hooks) == 151
    assert github.hooks[-1]["events"] == ["issues"]
    assert github.requests[-1][:2] == ("PATCH", "/repos/shop/web/hooks/1150")
    assert github.requests[-1][2]["config"]["secret"] == sign.GITHUB
    register(ready, github, "--events", "push,pull_request")
    assert github.hooks[-1]["events"] == ["push", "pull_request"]


def test_refusals_are_explained(ready, github):
    assert "404" in register(ready, github, place="shop/app", code=1)
    ready.secret("token", "not the token")
    text = register(ready, github, code=1)
    assert "401" in text and "the token is not good: Bad credentials" in text
    for status, words in ((403, "may not do this"),
                          (404, "needs admin:repo_hook"),
                          (422, "does not take this hook"),
                          (500, "it failed")):
        github.say = status, {"message": "m\x1b[2J", "errors": [
            {"message": "url is not supported"}]}
        text = register(ready, github, code=1)
        assert f"GitHub answers {status} for shop/web" in text
        assert words in text and "m?[2J: url is not supported" in text
    assert not [r for r in github.requests if r[0] != "GET"]


def test_nobody_answers(ready, github):
    github.close()
    assert "gaff register: http" in register(ready, github, code=1)


def test_what_is_missing(ready, github):
    for source, words in (("nobody", "is not in the configuration"),
                          ("other", "has another scheme"),
                          ("hidden", "needs public_url")):
        assert words in register(ready, github, source=source, code=1)
    for place in ("shop", "shop/", "/web", "shop/web/x", "shop/..", "s/w?x"):
        assert "is not OWNER/REPO" in register(ready, github, place=place,
                                               code=2)
    ready.write("secrets/token", TOKEN, 0o644)
    assert "no token: " in register(ready, github, code=1)
    run = ready.gaff("register", "github", "shop/web", "--source", "github",
                     code=1)
    assert b"no token: " in run.stderr and b"GITHUB_TOKEN" in run.stderr
    run = ready.gaff("register", "github", "shop/web", "--source", "github",
                     "--api", "http://192.0.2.1/api", code=2)
    assert b"--api takes https://" in run.stderr
    ready.gaff("register", "gitlab", "a/b", "--source", "github", code=2)
    assert github.requests == []
