"""Waits for PostgreSQL's answers, with a connection's socket registered with the event loop once.

psycopg registers the socket for every statement, and removes it again: with uvloop eight system calls of fifteen, and a
quarter of the CPU time that a short statement takes here.
"""

import asyncio
from collections.abc import Generator
from typing import Any

from psycopg import OperationalError, waiting
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

_POLL_EVERY_S = 0.1


class SocketWatch:
    """Of one connection, in one event loop. Whoever closes its socket calls `stop` before, or at once afterwards: the
    loop knows a socket by its number, which the next one gets."""

    def __init__(self) -> None:
        self._watched: int | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_watching(self) -> bool:
        """Whether the event loop has the socket."""
        return self._watched is not None

    async def run[Result](self, gen: PQGen[Result], socket: int) -> Result:
        """The result of psycopg's generator, as `psycopg.waiting.wait_async`. Raises what it raises, and psycopg's
        OperationalError when the socket is closed."""
        try:
            wanted = next(gen)
            while wanted == Wait.R:
                await self._readable(socket)
                wanted = gen.send(Ready.R)
        except StopIteration as end:
            result: Result = end.value
            return result
        except OSError as error:
            raise OperationalError("the connection's socket is closed") from error
        self.stop()  # psycopg registers it for itself: a statement that is longer than the socket's buffer is rare
        return await waiting.wait_async(_resumed(gen, wanted), socket, interval=_POLL_EVERY_S)

    def stop(self) -> None:
        """Takes the socket from the event loop, if it is there. Whoever waits for it goes on, and finds it closed."""
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None
        self._wake()

    async def _readable(self, socket: int) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        if self._watched is None:
            loop.add_reader(socket, self._on_readable)
            self._watched = socket
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _on_readable(self) -> None:
        """The loop calls this again and again until somebody reads: what comes while nobody waits is the end of the
        connection as a rule, and nobody reads it."""
        if self._waiting is None:
            self.stop()
        else:
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _resumed[Result](gen: PQGen[Result], wanted: Wait) -> Generator[Any, Any, Result]:
    """The generator, which has asked for `wanted` already."""
    try:
        while True:
            wanted = gen.send((yield wanted))
    except StopIteration as end:
        result: Result = end.value
        return result
