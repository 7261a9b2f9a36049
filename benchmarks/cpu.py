"""CPU time and memory of processes together with all that they started."""

import resource
from collections.abc import Mapping

import psutil


def cpu_seconds(roots: Mapping[str, int | None]) -> dict[str, float]:
    """CPU seconds so far of each named process tree, and under `load` of this process's children that have ended.

    A child that has ended and was waited for counts with its parent, so that nothing is lost between two readings.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {name: _of_tree(pid) for name, pid in roots.items()} | {"load": ended.ru_utime + ended.ru_stime}


def _of_tree(pid: int | None) -> float:
    if pid is None or not psutil.pid_exists(pid):
        return 0.0
    root = psutil.Process(pid)
    return sum(_of_one(process) for process in (root, *root.children(recursive=True)))


def _of_one(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # it ended meanwhile
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def machine_seconds() -> float:
    """CPU seconds so far of everything on this machine, the time that a hypervisor took away included."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def resident_mb(pid: int | None) -> float:
    """Resident memory of one process in MB (of 10^6 bytes); 0.0 when it does not run."""
    return 0.0 if pid is None else psutil.Process(pid).memory_info().rss / 1e6
