"""A secret in the URL: `gaff check` says how to keep it out of the logs of the
web servers, and with those lines it is in none of them.

Turns red when: warn_url() in shared/config_source.c gives lines that a server
does not take, or that write the query; fcgi/target.c stores it.
"""

import os
import re

import pytest

from kit import sign
from kit.servers import KINDS
from kit.wait import until

SECRET = "Canary-query-8Rt2YpLw5NvXc7Qz"

CONFIG = """
[source grid]
scheme = azure-event-grid
secret = {secret}
[route keep]
run = {handler}
"""

FAMILIES = {"lighttpd": "lighttpd", "apache": "Apache", "nginx": "nginx"}


def advice(site, family):
    """What `gaff check` says to write, with this test's directory."""
    said = site.gaff("check").stdout.decode()
    line = re.search(rf"^warning: +{FAMILIES[family]}: (.*)$", said, re.M)
    assert line, said
    return line[1]


def fitted(text, family, directory):
    for there in ("${APACHE_LOG_DIR}", "/var/log/nginx",
                  "/var/log/lighttpd"):
        text = text.replace(there, directory)
    if family == "lighttpd":
        text = (f'server.modules += ( "mod_accesslog" )\n'
                f'accesslog.filename = "{directory}/access.log"\n' + text)
    return text


def files(directory):
    found = {}
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                found[path] = f.read()
    return found


@pytest.mark.parametrize("kind", ("lighttpd", "apache-proxy", "nginx"))
def test_logs(site, kind):
    site.up(CONFIG.format(secret=site.secret("grid", SECRET),
                          handler=site.handler()))
    family = KINDS[kind][0]
    directory = site.path(kind)
    server = site.server(
        kind, more=fitted(advice(site, family), family, directory))
    target = f"/hooks/grid?code={SECRET}"
    answer = server.post(target, [sign.JSON], b"[{}]")
    assert answer.status == 200, (answer.body, server.error_log())
    assert server.post(target + "x", [sign.JSON], b"[{}]").status == 401
    gateway = site.gateways[0]
    gateway.stop()
    assert server.post(target, [sign.JSON], b"[{}]").status >= 500
    # whole logs: some servers write late, one through another program
    server.stop()
    if family == "lighttpd":
        until(lambda: b"/hooks/grid" in files(directory).get(
            os.path.join(directory, "error.log"), b""), "the error is logged")

    logs = files(directory)
    access = logs[os.path.join(directory, "access.log")]
    assert access.count(b"/hooks/grid") == 3, access
    assert b"POST" in access and b"401" in access
    for path, content in logs.items():
        assert SECRET.encode() not in content, (path, content[-2000:])
