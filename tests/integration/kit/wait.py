"""Waiting by asking: never a fixed sleep."""

import time


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
