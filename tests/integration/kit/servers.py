"""The four web servers, with the files of conf/ as shipped.

A test writes only what surrounds them: port, document root, logs.  One
substitution is made in copies of the files: the paths of an installation
(`INSTALLED`) become those of the test's directory.
"""

import os
import socket

from . import web
from .process import Process, program
from .wait import until

CONF = os.path.join(os.path.dirname(__file__), "../../../conf")
APACHE_MODULES = "/usr/lib/apache2/modules"

# name -> (server, file of conf/ it includes, who runs the gateway)
KINDS = {
    "lighttpd": ("lighttpd", "lighttpd-fastcgi.conf", "socket"),
    "lighttpd-spawn": ("lighttpd", "lighttpd-spawn.conf", "spawned"),
    "lighttpd-cgi": ("lighttpd", "lighttpd-cgi.conf", "cgi"),
    "apache-proxy": ("apache", "apache-proxy.conf", "socket"),
    "apache-fcgid": ("apache", "apache-fcgid.conf", "spawned"),
    "nginx": ("nginx", "nginx.conf", "socket"),
}


def installed(site):
    """Paths in the shipped files, and what they are here."""
    return [("/etc/gaff/gaff.conf", site.path("gaff.conf")),
            ("/usr/lib/gaff/", site.bin + "/"),
            ("/run/lighttpd/", site.dir + "/"),
            ("/run/gaff/", site.dir + "/run/")]


def shipped(site, name, at=None):
    """A copy of conf/NAME with this site's paths; returns its path."""
    with open(os.path.join(CONF, name)) as f:
        text = f.read()
    for there, here in installed(site):
        text = text.replace(there, here)
    return site.write(at or "shipped-" + name, text)


held = []


def free_port():
    """A port of the kernel's choice that stays this process's: bound, not
    listening, so neither another test nor an outgoing connection gets it.
    A server that sets SO_REUSEADDR, as all here do, can still listen on it."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    # only now: with it before, two processes could be given one port
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.append(s)
    return s.getsockname()[1]


class Server:
    """A running web server on a port of the kernel's choice."""

    def __init__(self, site, kind, name=None, wrap=(), more=""):
        """`wrap` is a command that runs the server's, `more` is added to its
        main file (nginx: in http)."""
        self.site, self.kind, self.wrap, self.more = site, kind, wrap, more
        self.name = name or kind
        self.family, self.file, self.gateway = KINDS[kind]
        self.dir = site.mkdir(self.name)
        site.mkdir(os.path.join(self.name, "www"))
        self.include = shipped(site, self.file)
        for _ in range(5):
            self.port = free_port()
            self.process = self.start()
            if self.listens():
                return
        raise AssertionError(
            f"expected: {self.name} listens\n{self.process.tail()}\n"
            f"{self.error_log()}")

    def start(self):
        main = getattr(self, self.family)()
        path = self.site.write(f"{self.name}/main.conf", main)
        argv = {
            "lighttpd": ["lighttpd", "-D", "-f", path],
            "apache": ["apache2", "-d", self.dir, "-f", path, "-DFOREGROUND"],
            "nginx": ["nginx", "-p", self.dir, "-c", path, "-e",
                      f"{self.dir}/error.log"],
        }[self.family]
        argv[0] = program(argv[0])
        return Process(self.name, [*self.wrap, *argv], self.dir)

    def listens(self):
        def answer():
            if not self.process.alive():
                return "ended"
            try:
                web.connect(self.port, 1).close()
                return "up"
            except OSError:
                return None
        return until(answer, f"{self.name} listens", 10) == "up"

    def error_log(self):
        try:
            with open(f"{self.dir}/error.log") as f:
                return f.read()[-4000:]
        except OSError:
            return ""

    def lighttpd(self):
        errors = ("" if "server.errorlog" in self.more else
                  f'server.errorlog = "{self.dir}/error.log"')
        return f"""
server.document-root = "{self.dir}/www"
server.bind = "127.0.0.1"
server.port = {self.port}
{errors}
server.upload-dirs = ( "{self.dir}" )
{self.more}
include "{self.include}"
"""

    def apache(self):
        modules = ["mpm_event", "authz_core", "reqtimeout"]
        modules += (["proxy", "proxy_fcgi", "env"] if self.kind == "apache-proxy"
                    else ["fcgid", "alias"])
        load = "\n".join(
            f"LoadModule {m}_module {APACHE_MODULES}/mod_{m}.so"
            for m in modules)
        fcgid = "" if self.kind == "apache-proxy" else f"""
FcgidIPCDir "{self.dir}/ipc"
FcgidProcessTableFile "{self.dir}/table"
"""
        return f"""
{load}
ServerName 127.0.0.1
Listen 127.0.0.1:{self.port}
PidFile "{self.dir}/pid"
DefaultRuntimeDir "{self.dir}"
ErrorLog "{self.dir}/error.log"
DocumentRoot "{self.dir}/www"
{fcgid}
{self.more}
Include "{self.include}"
"""

    def nginx(self):
        temp = "\n".join(f"{k}_temp_path {self.dir}/{k};" for k in (
            "client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        return f"""
daemon off;
pid {self.dir}/pid;
worker_processes 1;
error_log {self.dir}/error.log;
events {{ worker_connections 8192; }}
http {{
{self.more or "access_log off;"}
{temp}
server {{
	listen 127.0.0.1:{self.port} backlog=4096;
	root {self.dir}/www;
	include {self.include};
}}
}}
"""

    def post(self, path, headers, body=b""):
        return web.post(self.port, path, headers, body)

    def stop(self):
        return self.process.stop()
