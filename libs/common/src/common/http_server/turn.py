"""Writes the answers of one turn of the event loop together, at its end.

An answer that is written at once wakes its client before the next one is made, once for each of a batch. Written
together, they wake a client of many connections once, and its next requests come together, too.
"""

import asyncio
from typing import Protocol


class Held(Protocol):
    """A connection that holds back what it has to write."""

    def flush(self) -> None:
        """Writes what is held, if anything is."""
        ...


class Turn:
    """The connections that have something to write at the end of this turn. Belongs to one event loop."""

    def __init__(self) -> None:
        self._holding: list[Held] = []

    def add(self, connection: Held, loop: asyncio.AbstractEventLoop) -> None:
        """Flushes the connection after all that runs in this turn."""
        if not self._holding:
            loop.call_soon(self._end)
        self._holding.append(connection)

    def _end(self) -> None:
        holding, self._holding = self._holding, []
        for connection in holding:
            connection.flush()
