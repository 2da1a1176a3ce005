"""Waiting by asking: never a fixed sleep."""

import time

# Seconds: an answer that came by its own limit (2 s in these tests) on a busy
# machine, and not by the patience of the one that asked (60 s).
IN_TIME = 10


class Expected(AssertionError):
    """Something did not come true in time."""


def until(ask, what, timeout=10.0, pause=0.02, found=None):
    """Ask until the answer is true and return it.  `found` tells, for the
    failure, what there was instead."""
    end = time.monotonic() + timeout
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() >= end:
            break
        time.sleep(pause)
    got = found() if found else answer
    raise Expected(f"expected within {timeout:g} s: {what}\nfound: {got!r}")


def never(ask, what, watch):
    """The opposite, for things that must not happen while we watch."""
    end = time.monotonic() + watch
    while time.monotonic() < end:
        answer = ask()
        assert not answer, f"must not happen: {what}\nfound: {answer!r}"
        time.sleep(0.02)
