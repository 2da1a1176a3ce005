"""The Node program with the SDKs, which make interop has installed."""

import json
import os
import select
import shutil
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
INSTALLED = os.path.join(ROOT, "build/interop")
PATIENCE = 120  # seconds for an answer: the first one loads an SDK


class Sdk:
    def __init__(self, errors):
        node = shutil.which("node")
        assert node, "node is not installed (see INTEROP_PACKAGES in Makefile)"
        self.errors = errors
        with open(errors, "wb") as stderr:
            self.process = subprocess.Popen(
                [node, os.path.join(INSTALLED, "sdk.mjs")], cwd=INSTALLED,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                bufsize=0)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            with open(self.errors) as f:
                raise AssertionError(f"no answer to {request}\n{f.read()}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
