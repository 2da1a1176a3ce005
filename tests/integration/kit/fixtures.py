"""Fixtures of the tests that run the programs; a conftest.py imports them.

`GAFF_BIN` is where the programs are (default build/); `GAFF_KEEP=1` keeps
every scratch directory, else only those of failed tests stay.
"""

import os
import shutil
import tempfile

import pytest

from . import process
from .receiver import Receiver
from .site import Site, copy_programs


@pytest.fixture(scope="session")
def scratch():
    """A directory for the whole run.  Its path is short: a unix socket's
    may have 107 bytes."""
    process.adopt_orphans()
    path = tempfile.mkdtemp(prefix="gaff.", dir="/tmp")
    os.chmod(path, 0o755)
    process.own(path)
    bin_directory = os.path.join(path, "bin")
    os.mkdir(bin_directory)
    copy_programs(bin_directory)
    yield path
    shutil.rmtree(bin_directory)
    if not os.listdir(path):
        os.rmdir(path)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember a failure and show every process's last lines with it."""
    result = yield
    report = result.get_result()
    if not report.failed:
        return
    item.failed_once = True
    if item.parent is not None:
        item.parent.failed_once = True
    for name, tail in process.tails():
        report.sections.append((f"last lines of {name}", tail))


def make_site(scratch, node):
    path = tempfile.mkdtemp(prefix="", dir=scratch)
    os.chmod(path, 0o755)
    process.own(path)
    return Site(path, os.path.join(scratch, "bin"))


def end_site(site, node):
    left = process.end_all()
    failed = getattr(node, "failed_once", False) or left
    if os.environ.get("GAFF_KEEP") != "1" and not failed:
        shutil.rmtree(site.dir, ignore_errors=True)
    else:
        print(f"kept: {site.dir}")
    assert not left, f"expected: no process is left\nfound: {left}"


@pytest.fixture
def site(scratch, request):
    """An installation for one test."""
    site = make_site(scratch, request.node)
    yield site
    end_site(site, request.node)


@pytest.fixture(scope="module")
def shared_site(scratch, request):
    """An installation for all tests of a file."""
    site = make_site(scratch, request.node)
    yield site
    end_site(site, request.node)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()
