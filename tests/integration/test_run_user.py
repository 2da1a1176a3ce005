"""Routes with `user` where nobody is root: said at once, and plainly.

What gaff-run does is in test_gaff_run.py, which takes root.  Turns red when: a
worker that cannot change users starts all the same, and runs handlers as
itself; `gaff check` does not see who is missing.
"""

import pytest

ROUTE = """
[route r]
run = /bin/true
user = {user}
"""


def test_worker_needs_root(site):
    site.configure(ROUTE.format(user="games"), worker="user = daemon")
    worker = site.worker(ready=False)
    assert worker.wait() == 1
    assert "a route has user, and we are not root" in worker.log()
    assert "start the worker as root" in worker.log()


def test_reload_needs_gaff_run(site):
    """A running worker has no way to change users later: all stays."""
    site.configure("[route r]\nrun = /bin/true\n", worker="user = daemon")
    worker = site.worker()
    site.configure(ROUTE.format(user="games"), worker="user = daemon")
    site.reload(worker)
    worker.wait_log("gaff-run was not started")
    site.configure("[route r]\nrun = /bin/true\n", worker="user = games")
    site.reload(worker)
    worker.wait_log("the worker's user changed")
    assert worker.alive()


@pytest.mark.parametrize("user,worker,said", [
    ("nobody-here", "user = daemon", "no such user"),
    ("root", "user = daemon", "nothing runs as root"),
    ("games", "", "user goes with user in [worker local]"),
    # the configuration is not root's
    ("games", "user = daemon", "does not belong to root"),
])
def test_check(site, user, worker, said):
    site.configure(ROUTE.format(user=user), worker=worker)
    assert said in site.gaff("check", code=1).stderr.decode()
