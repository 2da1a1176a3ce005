"""A /dev/log of our own, for one process and what it starts."""

import os
import socket
import threading

from .process import own, program

# In a mount namespace of its own: /dev with a few devices and our /dev/log.
SCRIPT = """
set -e
here=$1; shift
mkdir "$here/dev"
mount --rbind /dev "$here/dev"
mount -t tmpfs -o mode=755 tmpfs /dev
for name in null zero full random urandom; do
	: >"/dev/$name"
	mount --bind "$here/dev/$name" "/dev/$name"
done
mkdir /dev/shm
ln -s "$here/log" /dev/log
exec "$@"
"""


class Syslog:
    def __init__(self, site):
        self.dir = site.mkdir("syslog")
        self.lines = []
        path = os.path.join(self.dir, "log")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        own(path)
        # "/bin/sh -c SCRIPT NAME ARGUMENT..."
        self.wrap = [program("unshare"), "-rm", "/bin/sh", "-c", SCRIPT,
                     "syslog", self.dir]
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            line = self.socket.recv(65536)
            self.lines.append(line.decode("utf-8", "replace"))

    def having(self, *parts):
        return [line for line in self.lines if all(p in line for p in parts)]
