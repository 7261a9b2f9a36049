"""Stops processes with signals."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """SIGSTOP to a process and all below it, parents first, and SIGCONT to the same. ProcessLookupError where there is
    none."""
    found: list[int] = []
    try:
        while new := [one for one in _family(pid) if one not in found]:  # until nobody is left who starts another
            found += new
            _signal_all(new, signal.SIGSTOP)
        yield
    finally:
        _signal_all(found, signal.SIGCONT)


def _family(pid: int) -> list[int]:
    if pid <= 0:  # of a container that does not run; a signal to 0 would be one to ourselves
        raise ProcessLookupError("it does not run")
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        raise ProcessLookupError(f"there is no process {pid}") from None


def _signal_all(pids: Sequence[int], signum: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
