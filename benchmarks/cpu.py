"""CPU time of processes together with all that they started, as Linux counts it."""

import os
import resource
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds(roots: Mapping[str, int | None]) -> dict[str, float]:
    """CPU seconds so far of each named process tree, and under `load` of this process's children that have ended.

    A child that has ended and was waited for counts with its parent, so that nothing is lost between two readings.
    """
    children: dict[int, list[int]] = defaultdict(list)
    own: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        children[int(fields[1])].append(pid)
        own[pid] = sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_S  # utime, stime, cutime, cstime: proc(5)

    def of_tree(pid: int | None) -> float:
        return 0.0 if pid is None else own.get(pid, 0.0) + sum(of_tree(child) for child in children[pid])

    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {name: of_tree(pid) for name, pid in roots.items()} | {"load": ended.ru_utime + ended.ru_stime}


def machine_seconds() -> float:
    """CPU seconds so far of everything on this machine, the time that a hypervisor took away included."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(ticks) for ticks in fields)
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S


def resident_mb(pid: int | None) -> float:
    """Resident memory of one process in MB (of 10^6 bytes); 0.0 when it does not run."""
    if pid is None:
        return 0.0
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
