"""What CPU time is spent on: cores that take one job at a time, and single-threaded processes on them."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

type Then = Callable[[], None]
type Step = tuple[float, Then]
"""So many seconds of CPU time, and what follows from them."""


class Cores:
    """Cores that take jobs in order of arrival. Belongs to one event loop."""

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._free = count
        self._waiting: deque[Sequence[Step]] = deque()

    def run(self, job: Sequence[Step]) -> None:
        """Does the steps one after the other on one core; what follows from each follows when it is done."""
        if self._free:
            self._free -= 1
            self._start(job)
        else:
            self._waiting.append(job)

    async def work(self, seconds: float) -> None:
        """Returns once a core has spent so much."""
        done: asyncio.Future[None] = self._loop.create_future()
        self.run([(seconds, lambda: done.set_result(None))])
        await done

    def _start(self, job: Iterable[Step]) -> None:
        self._continue(iter(job))

    def _continue(self, steps: Iterator[Step]) -> None:
        """Does the next step. One timer at a time: asyncio calls timers of the same moment in any order."""
        step = next(steps, None)
        if step is not None:
            self._loop.call_later(step[0], self._did, step[1], steps)
        elif self._waiting:
            self._start(self._waiting.popleft())
        else:
            self._free += 1

    def _did(self, then: Then, steps: Iterator[Step]) -> None:
        then()
        self._continue(steps)


class Process:
    """A process with one event loop. A turn of it does what was ready when the turn began, one after the other.

    `count` gets the CPU seconds of each turn. Belongs to one event loop.
    """

    def __init__(self, cores: Cores, count: Callable[[float], None]) -> None:
        self._cores, self._count = cores, count
        self._loop = asyncio.get_running_loop()
        self._ready: list[Step] = []
        self._after_turn: list[Then] = []
        self._running = False

    def run(self, seconds: float, then: Then) -> None:
        """Calls `then` when the job is done, as an answer leaves that is written to a socket."""
        self._ready.append((seconds, then))
        if not self._running:
            self._running = True
            self._loop.call_soon(self._turn)

    def run_together(self, seconds: float, then: Then) -> None:
        """Calls `then` at the end of the turn that does the job, as what asyncio's call_soon gets."""
        self.run(seconds, lambda: self._after_turn.append(then))

    async def work(self, seconds: float) -> None:
        """Returns when the job is done."""
        done: asyncio.Future[None] = self._loop.create_future()
        self.run(seconds, lambda: done.set_result(None))
        await done

    def _turn(self) -> None:
        if not self._ready:
            self._running = False
            return
        steps, self._ready = self._ready, []
        self._count(sum(seconds for seconds, _ in steps))
        self._cores.run([*steps, (0.0, self._end_turn)])

    def _end_turn(self) -> None:
        due, self._after_turn = self._after_turn, []
        for then in due:
            then()
        self._loop.call_soon(self._turn)  # behind what was scheduled by them, such as the sending of a batch
