"""A provider that publishes its keys: nginx with TLS, under an authority of
the test's own, and the tokens it signs."""

import base64
import json
import subprocess
import time

from .process import Process, own, program
from .servers import free_port
from .wait import until
from . import web


def openssl(*args, stdin=None):
    run = subprocess.run([program("openssl"), *args], input=stdin,
                         capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An RSA key under a name."""

    def __init__(self, site, kid):
        self.kid = kid
        self.path = site.path(f"{kid}.key")
        openssl("genrsa", "-out", self.path, "2048")

    def jwk(self):
        modulus = openssl("rsa", "-in", self.path, "-modulus", "-noout")
        n = bytes.fromhex(modulus.decode().strip().split("=")[1])
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
                "n": b64(n), "e": "AQAB"}

    def token(self, kid=None, **claims):
        claims = {"exp": int(time.time()) + 300, **claims}
        text = ".".join(b64(json.dumps(part).encode()) for part in (
            {"alg": "RS256", "kid": kid or self.kid}, claims))
        signature = openssl("dgst", "-sha256", "-sign", self.path,
                            stdin=text.encode())
        return f"{text}.{b64(signature)}"

    def headers(self, kid=None, **claims):
        return [("content-type", "application/json"),
                ("authorization", "Bearer " + self.token(kid, **claims))]


class KeysHost:
    """https://localhost:PORT/, its files those of www/."""

    def __init__(self, site, name="provider"):
        self.site, self.name = site, name
        self.dir = site.mkdir(name)
        site.mkdir(f"{name}/www")
        self.ca_file = f"{self.dir}/ca.pem"
        self.port = free_port()
        self.certify()
        self.process = None
        self.start()

    def certify(self):
        d = self.dir
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", "/CN=gaff test authority", "-keyout", f"{d}/ca.key",
                "-out", self.ca_file)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj",
                "/CN=localhost", "-keyout", f"{d}/tls.key", "-out",
                f"{d}/tls.csr")
        self.site.write(f"{self.name}/san", "subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-days", "2", "-in", f"{d}/tls.csr", "-CA",
                self.ca_file, "-CAkey", f"{d}/ca.key", "-CAcreateserial",
                "-extfile", f"{d}/san", "-out", f"{d}/tls.pem")
        own(f"{d}/tls.key")

    def start(self):
        d = self.dir
        temp = "\n".join(f"{k}_temp_path {d}/{k};" for k in (
            "client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        path = self.site.write(f"{self.name}/main.conf", f"""
daemon off;
pid {d}/pid;
worker_processes 1;
error_log {d}/error.log;
events {{ worker_connections 64; }}
http {{
log_format paths '$request_uri';
access_log {d}/access.log paths;
{temp}
server {{
	listen 127.0.0.1:{self.port} ssl;
	ssl_certificate {d}/tls.pem;
	ssl_certificate_key {d}/tls.key;
	root {d}/www;
	location /moved {{ return 302 /set.json; }}
	location = /set.json {{ add_header Cache-Control "public, max-age=7200"; }}
}}
}}
""")
        self.process = Process(
            self.name, [program("nginx"), "-p", d, "-c", path, "-e",
                        f"{d}/error.log"], d)
        until(self.listens, f"{self.name} listens")

    def listens(self):
        assert self.process.alive(), self.process.tail()
        try:
            web.connect(self.port, 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.stop()

    def url(self, path="set.json"):
        return f"https://localhost:{self.port}/{path}"

    def publish(self, *keys, name="set.json"):
        self.site.write(f"{self.name}/www/{name}",
                        json.dumps({"keys": [k.jwk() for k in keys]}))

    def asked(self):
        """Paths that were asked for, in order."""
        try:
            with open(f"{self.dir}/access.log") as f:
                return f.read().split()
        except FileNotFoundError:
            return []
