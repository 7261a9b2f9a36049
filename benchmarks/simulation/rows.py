"""Locks of the rows in user_revisions: a transaction that changes something of a user has the row until its commit."""

import asyncio
from collections import deque
from uuid import UUID


class Rows:
    """One holder at a time for each user's row; who waits is served in order. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}

    async def lock(self, user: UUID) -> None:
        """Returns once the row is free, and locks it."""
        if user not in self._waiting:
            self._waiting[user] = deque()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[user].append(turn)
        await turn

    def unlock(self, user: UUID) -> None:
        """Lets the next one have the row."""
        if self._waiting[user]:
            self._waiting[user].popleft().set_result(None)
        else:
            del self._waiting[user]
