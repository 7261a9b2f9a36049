"""How fast this CPython runs on this machine, which differs by more than most things that are measured with it."""

import time

TURNS = 300_000
ROUNDS = 5


class _Counter:
    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    def add(self, number: int) -> int:
        self.total += number
        return self.total


def loop_ns() -> float:
    """Nanoseconds of a turn of plain Python: two calls, an object, a dictionary and a string. Takes half a second.

    The least of five. A build with profile-guided optimisation (Debian's, and those of container images) takes about
    0.6 times as long as one made by `configure` without `--enable-optimizations` (pyenv's, unless it is asked to).
    """
    return min(_timed(TURNS) for _ in range(ROUNDS))


def _timed(turns: int) -> float:
    started = time.perf_counter_ns()
    _loop(turns)
    return (time.perf_counter_ns() - started) / turns


def _loop(turns: int) -> int:
    seen: dict[int, tuple[int, str]] = {}
    total = 0
    for number in range(turns):
        counter = _Counter()
        total += counter.add(number)
        name = f"x{number}"
        seen[number % 100] = (total, name)
        if name.startswith("x9"):
            total += len(name.split("9"))
    return total + len(seen)
