"""The worker's HTTP port: metrics, /events, /health; alert rules, dashboard.

Turns red when: a family, type or label that rules or dashboard use is gone;
counters of an ended gateway are lost; /health is well while the store thread
hangs or refuses; a secret or a body shows.
"""

import glob
import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse

import pytest

from kit import sign, web
from kit.process import Process, own, program
from kit.servers import free_port
from kit.wait import until

ROOT = os.path.join(os.path.dirname(__file__), "../..")
RULES = os.path.join(ROOT, "conf/prometheus-rules.yml")
DASHBOARD = os.path.join(ROOT, "conf/grafana-dashboard.json")
CANARY = "canary-in-a-body"

CONF = """
[source acme]
scheme = acme
secret = {secret}
silent_after = 1h
[scheme acme]
kind = hmac
hash = sha256
encoding = hex
signature = header:x-acme-signature
template = {{body}}
id = json:/id
type = json:/type
[route good]
source = acme
type = good
post = {url}
[route bad]
source = acme
type = bad
run = /bin/false
attempts = 1
"""


def metrics_port(site):
    found = re.search(r"msg=listening for=metrics host=127\.0\.0\.1 port=(\d+)",
                      site.workers["local"].log())
    assert found, site.workers["local"].tail()
    return int(found.group(1))


@pytest.fixture
def up(site, receiver):
    """A worker and a gateway."""
    site.configure(CONF.format(secret=site.secret("acme", sign.ACME),
                               url=receiver.url),
                   worker="metrics = 127.0.0.1:0")
    site.worker()
    site.gateway()
    site.port = metrics_port(site)
    return site


def event(key, kind="good"):
    data = json.dumps({"id": key, "type": kind, "pad": CANARY}).encode()
    return sign.acme(data), data


def post(site, key, kind="good"):
    return site.post("/hooks/acme", *event(key, kind))


def samples(site):
    """{'name{labels}': value} as the worker tells them."""
    answer = web.get(site.port, "/metrics")
    assert answer.status == 200, answer
    assert answer.header("content-type").startswith("text/plain; version=0.0.4")
    found = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found, f"twice: {name}"
            found[name] = float(value)
    return found


def wait_sample(site, name, value, timeout=20):
    until(lambda: samples(site).get(name) == value, f"{name} {value}", timeout,
          pause=0.2, found=lambda: {k: v for k, v in samples(site).items()
                                    if k.startswith(name.split("{")[0])})


def metric_names(text):
    return set(re.findall(r"\bgaff_[a-z0-9_]+", text))


def families(site):
    """{name: type} of /metrics, with the names of histograms' samples."""
    text = web.get(site.port, "/metrics").body.decode()
    found = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    for name in [n for n, kind in found.items() if kind == "histogram"]:
        found.update({name + "_bucket": "", name + "_sum": "",
                      name + "_count": ""})
    return found


# ---- what is counted ----

def test_way_of_an_event_is_counted(up):
    """Through a real web server: stored, a copy, a forged one, a dead one."""
    server = up.server("nginx")
    for _ in range(2):
        assert server.post("/hooks/acme", *event("one")).status == 200
    assert server.post("/hooks/acme", *event("two", "bad")).status == 200
    assert server.post("/hooks/acme", *event("three", "none")).status == 200
    _, data = event("four")
    forged = sign.acme(data, secret="wrong")
    assert server.post("/hooks/acme", forged, data).status == 401
    assert server.post("/hooks/nobody", forged, data).status == 404
    for name, value in (
            ('gaff_requests_total{source="acme",code="200"}', 4),
            ('gaff_requests_total{source="acme",code="401"}', 1),
            ('gaff_requests_total{source="-",code="404"}', 1),
            ('gaff_refused_total{source="acme",reason="mismatch"}', 1),
            ('gaff_request_duration_seconds_count{source="acme"}', 5),
            ('gaff_request_body_bytes_count{source="acme"}', 5),
            ('gaff_events_stored_total{source="acme"}', 3),
            ('gaff_events_duplicate_total{source="acme"}', 1),
            ('gaff_events_unmatched_total{source="acme"}', 1),
            ('gaff_attempts_total{route="bad",outcome="exit:1"}', 1),
            ('gaff_attempts_total{route="good",outcome="ok"}', 1),
            ('gaff_attempt_duration_seconds_count{route="good"}', 1),
            ('gaff_dead_total{route="bad"}', 1),
            ('gaff_deliveries{route="bad",state="dead"}', 1),
            ('gaff_links_up{worker="local"}', 1),
            ('gaff_source_silent_after_seconds{source="acme"}', 3600),
            ("gaff_accepting", 1),
            ("gaff_config_last_reload_successful", 1)):
        wait_sample(up, name, value)
    found = samples(up)
    assert found["gaff_store_bytes"] > 0
    assert found["gaff_store_free_bytes"] > 0
    assert found["gaff_store_reserve_bytes"] == 16 << 20
    assert found["gaff_commit_events_sum"] == 4
    assert found['gaff_last_event_timestamp_seconds{source="acme"}'] > 1e9
    wait_sample(up, "gaff_dead_letter_bytes",
                os.path.getsize(up.dead_files()[0]))


def test_ended_gateway_stays_counted(up):
    name = 'gaff_requests_total{source="acme",code="200"}'
    for n in range(3):
        assert post(up, f"k{n}").status == 200
    wait_sample(up, name, 3)
    up.gateways[0].stop()
    wait_sample(up, 'gaff_links_up{worker="local"}', 0)
    assert samples(up)[name] == 3
    up.gateway(name="gateway-2")
    assert post(up, "k4").status == 200
    wait_sample(up, name, 4)


def test_refused_reload_shows(up):
    with open(up.conf) as f:
        good = f.read()
    up.write("gaff.conf", good + "[route x]\nruns = 1\n")
    up.reload(up.workers["local"])
    assert samples(up)["gaff_config_last_reload_successful"] == 0
    before = samples(up)["gaff_config_loaded_timestamp_seconds"]
    up.write("gaff.conf", good)
    up.reload(up.workers["local"])
    found = samples(up)
    assert found["gaff_config_last_reload_successful"] == 1
    assert found["gaff_config_loaded_timestamp_seconds"] > before


def test_another_port_needs_a_restart(up):
    with open(up.conf) as f:
        text = f.read()
    up.write("gaff.conf", text.replace("127.0.0.1:0", "[::1]:0"))
    up.reload(up.workers["local"])
    up.workers["local"].wait_log('reason="metrics changed"')
    assert web.get(up.port, "/health").status == 200


def test_port_in_use(site):
    """Said, and the worker does not start."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        address = f"127.0.0.1:{s.getsockname()[1]}"
        site.configure("", worker=f"metrics = {address}")
        worker = site.worker(ready=False)
        assert worker.wait(15) == 1
    line = next(x for x in worker.log().splitlines() if "level=error" in x)
    assert address in line and "in use" in line, line


# ---- promtool and Prometheus ----

def promtool(*args, stdin=None):
    run = subprocess.run([program("promtool"), *args], input=stdin,
                         capture_output=True, timeout=120)
    assert run.returncode == 0, (run.stdout + run.stderr).decode()
    return run


def test_promtool_likes_the_metrics(up):
    for n in range(3):
        post(up, f"k{n}", "bad" if n else "good")
    wait_sample(up, 'gaff_dead_total{route="bad"}', 2)
    text = web.get(up.port, "/metrics").body
    run = promtool("check", "metrics", stdin=text)
    assert run.stdout + run.stderr == b""


def test_rules():
    promtool("check", "rules", RULES)
    promtool("test", "rules",
             os.path.join(os.path.dirname(__file__), "alerts.yml"))


def test_every_alert_is_tested():
    with open(RULES) as f:
        alerts = set(re.findall(r"- alert: (\S+)", f.read()))
    with open(os.path.join(os.path.dirname(__file__), "alerts.yml")) as f:
        fired = set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", f.read()))
    assert alerts == fired


def test_names_in_rules_and_dashboard_exist(up):
    known = families(up)
    for path in (RULES, DASHBOARD):
        with open(path) as f:
            used = metric_names(f.read())
        assert len(used) > 5
        assert used <= set(known), used - set(known)


def test_names_in_the_documents_exist(up):
    """The tables of docs/DESIGN.md and the families are the same ones."""
    known = families(up)
    for path in glob.glob(os.path.join(ROOT, "docs/*.md")):
        with open(path) as f:
            used = {n for n in metric_names(f.read()) if not n.endswith("_")}
        assert used <= set(known), (path, used - set(known))


def test_commands_of_alerts_are_verbs(site):
    """What an alert says to type is understood."""
    site.configure("")
    with open(RULES) as f:
        commands = re.findall(r"^ +command: gaff (.*)$", f.read(), re.M)
    assert len(commands) > 5
    for command in set(commands):
        args = re.sub(r"{{.*?}}", "name", command).split()
        assert site.gaff(*args, code=None).returncode != 2, command


def test_prometheus_scrapes(up):
    """A real one: targets are up, queries of rules and dashboard work."""
    for n in range(3):
        assert post(up, f"k{n}").status == 200
    wait_sample(up, 'gaff_events_stored_total{source="acme"}', 3)
    port = start_prometheus(up)
    found = until(
        lambda: query(port, 'gaff_events_stored_total{source="acme"}'),
        "Prometheus has scraped", 60, pause=0.2)
    assert found[0]["value"][1] == "3"
    assert query(port, 'up{job="gaff"}')[0]["value"][1] == "1"
    with open(DASHBOARD) as f:
        board = json.load(f)
    for panel in board["panels"]:
        for target in panel["targets"]:
            query(port, dashboard_expression(target["expr"]))
    rules = get_json(port, "/api/v1/rules")["data"]["groups"][0]["rules"]
    until(lambda: all(
        r["health"] == "ok" for r in get_json(port, "/api/v1/rules")
        ["data"]["groups"][0]["rules"]), "every rule is evaluated", 30,
        pause=0.2)
    assert len(rules) >= 8


def start_prometheus(site):
    """Scrapes this site's worker each second; returns its port."""
    site.mkdir("prometheus")
    config = site.write("prometheus.yml", f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{os.path.basename(site.write("rules.yml", open(RULES).read()))}]
scrape_configs:
  - job_name: gaff
    static_configs: [{{targets: ["127.0.0.1:{site.port}"]}}]
""")
    for _ in range(5):
        port = free_port()
        process = Process("prometheus", [
            program("prometheus"), "--config.file", config,
            "--storage.tsdb.path", site.path("prometheus"),
            "--web.listen-address", f"127.0.0.1:{port}"], site.dir)
        if until(lambda: ready(port) or not process.alive(),
                 "Prometheus is ready", 60, pause=0.1) and process.alive():
            return port
    raise AssertionError(process.tail())


def ready(port):
    try:
        return web.get(port, "/-/ready").status == 200
    except OSError:
        return False


def get_json(port, path):
    answer = web.get(port, path)
    assert answer.status == 200, (path, answer)
    return answer.json()


def query(port, expression):
    answer = get_json(port, "/api/v1/query?" + urllib.parse.urlencode(
        {"query": expression}))
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def dashboard_expression(text):
    for there, here in (("$__rate_interval", "1m"), ("$source", ".*"),
                        ("$route", ".*")):
        text = text.replace(there, here)
    return text


# ---- /events ----

def test_events(up):
    ids = {kind: post(up, kind, kind).json()["id"]
           for kind in ("good", "bad", "none")}
    up.wait_state(ids["bad"], "bad", "dead")
    up.wait_state(ids["good"], "good", "delivered")
    until(lambda: up.json("events", "--state", "unmatched"), "unmatched")

    def ask(query=""):
        answer = web.get(up.port, "/events" + query)
        assert answer.status == 200, answer
        assert answer.header("content-type") == "application/json"
        return [e["id"] for e in answer.json()]

    assert ask() == [ids["none"], ids["bad"], ids["good"]]
    assert ask("?limit=2") == [ids["none"], ids["bad"]]
    assert ask("?type=go*") == [ids["good"]]
    assert ask("?route=bad&state=dead&source=acme") == [ids["bad"]]
    assert ask("?state=unmatched") == [ids["none"]]
    assert ask("?since=1h") == ask()
    assert ask("?since=2999-01-01") == []
    assert ask("?source=nobody") == []
    row = web.get(up.port, "/events?type=bad").json()[0]
    assert row == up.json("events", "--type", "bad")[0]


@pytest.mark.parametrize("query", [
    "nothing=1", "limit=0", "limit=501", "limit=x", "since=yesterday",
    "state=odd", "limit=1&limit=2", "source", "source=%ff", "cursor=1"])
def test_events_arguments(up, query):
    answer = web.get(up.port, "/events?" + query)
    assert answer.status == 400, answer
    assert len(answer.body.split()) > 5, answer


# ---- /health ----

def test_health(up):
    answer = web.get(up.port, "/health")
    assert answer.status == 200
    health = answer.json()
    assert (health["status"], health["state"]) == ("ok", "accepting")
    assert health["worker"] == "local"


def test_health_when_full(up):
    """No room in the store: 503 here, too."""
    up.workers["local"].stop()
    with open(up.conf) as f:
        text = f.read()
    up.write("gaff.conf", re.sub("reserve = .*", "reserve = 100000G", text))
    up.worker()
    up.port = metrics_port(up)
    answer = web.get(up.port, "/health")
    assert answer.status == 503
    assert answer.json()["state"] == "full"
    assert post(up, "k").status == 503
    assert samples(up)["gaff_accepting"] == 0
    wait_sample(up, 'gaff_requests_total{source="acme",code="503"}', 1)


def test_hung_store_thread(site):
    """No answer of the store thread: 503 and said so, until it goes on.

    It reads a configuration that nobody writes, and hangs as it does on a
    disk."""
    site.configure("", worker="metrics = 127.0.0.1:0")
    worker = site.worker()
    port = metrics_port(site)
    assert web.get(port, "/health").status == 200
    with open(site.conf, "rb") as f:
        text = f.read()
    os.unlink(site.conf)
    os.mkfifo(site.conf, 0o600)
    own(site.conf)
    worker.signal(signal.SIGHUP)

    def hung():
        answer = web.get(port, "/health")
        return answer.status == 503 and answer.json()
    health = until(hung, "/health says 503", 30)
    assert (health["status"], health["state"]) == (
        "unavailable", "not_answering")
    for path in ("/metrics", "/events"):
        answer = web.get(port, path)
        assert answer.status == 503 and b"does not answer" in answer.body
    with open(site.conf, "wb") as f:
        f.write(text)
    until(lambda: web.get(port, "/health").status == 200, "it goes on", 30)


# ---- HTTP ----

@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods(up, method):
    raw = web.request("/metrics", [], b"x=1", method=method)
    answer = web.exchange(up.port, raw)
    assert answer.status == 405, answer
    assert answer.header("allow") == "GET, HEAD"


def test_other_paths(up):
    for path in ("/", "/metrics/", "/show", "/-/ready", "/events/x"):
        assert web.get(up.port, path).status == 404, path


def test_head(up):
    with web.connect(up.port) as s:
        s.sendall(web.request("/health", [], method="HEAD", length=-1))
        data = b""
        while part := s.recv(65536):
            data += part
    assert data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("host,status", [
    ("127.0.0.1", 200), ("localhost:9464", 200), ("[::1]:80", 200),
    ("evil.example", 403), ("localhost.evil.example", 403), ("", 403)])
def test_foreign_hosts(up, host, status):
    """A web page that calls this port by a name of its own sees nothing."""
    raw = (f"GET /events HTTP/1.1\r\nHost: {host}\r\n"
           "Connection: close\r\n\r\n").encode()
    assert web.exchange(up.port, raw).status == status


def test_long_heads_and_idle_connections(up):
    """Limits hold; others are served meanwhile."""
    raw = web.request("/metrics", [("X", "x" * 65536)], method="GET",
                      length=-1)
    assert web.exchange(up.port, raw).status in (0, 413, 414, 431)
    idle = [web.connect(up.port) for _ in range(8)]
    assert web.get(up.port, "/health").status == 200
    for s in idle:
        s.close()


def test_no_secret_and_no_body(up):
    post(up, "canary", "bad")
    wait_sample(up, 'gaff_dead_total{route="bad"}', 1)
    for path in ("/metrics", "/events", "/health"):
        body = web.get(up.port, path).body.decode()
        assert body and CANARY not in body and sign.ACME not in body


def test_large_fleet_of_names(site):
    """A thousand sources: whole, in pages."""
    text = "".join(f"[source s{n}]\nscheme = none\nallow = 127.0.0.1\n"
                   f"[route r{n}]\nsource = s{n}\nrun = /bin/true\n"
                   for n in range(1000))
    site.configure(text, worker="metrics = 127.0.0.1:0")
    site.worker(timeout=60)
    site.port = metrics_port(site)
    found = samples(site)
    for n in range(1000):
        assert found[f'gaff_events_stored_total{{source="s{n}"}}'] == 0
        assert found[f'gaff_attempt_duration_seconds_count{{route="r{n}"}}'] == 0
