"""The room where requests wait for a batch: bounded in places and in time, and shared out fairly between users."""

import asyncio
from collections import deque
from collections.abc import Callable
from uuid import UUID

USERS_SHARE = 4  # one user takes a quarter of the places, at most
REFUSALS_PER_S = 1_000  # a refusal costs about as much as a read: a tenth of a core for all of them
LONGEST_PAUSE_S = 1.0


class Full(Exception):
    """There is no place, or a wait that is too long already: it is better to be refused at once than to time out."""


class WaitingRoom[Item]:
    """Users take turns: each turn takes one item of one user, the oldest. Nothing is handed out or refused later on.

    So a newcomer waits for one item of every other user at most, however many items a single one of them has brought.
    What an item costs does not depend on how many wait.
    """

    def __init__(self, *, places: int, longest_wait_s: float, clock: Callable[[], float]) -> None:
        self._places = places
        self._longest_wait_s = longest_wait_s
        self._clock = clock
        self._queues: dict[UUID, deque[tuple[float, Item]]] = {}  # of each user who waits, with times of arrival
        self._turns: deque[tuple[float, UUID]] = deque()  # who is next, with the time since when
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, user_id: UUID, item: Item) -> None:
        """Raises Full when all places are taken, or the user's share of them; and as long as whoever is next, or this
        user's oldest item, has waited for `longest_wait_s`.
        """
        now = self._clock()
        latest = now - self._longest_wait_s
        queue = self._queues.get(user_id)
        if self._count >= self._places or (self._turns and self._turns[0][0] < latest):
            raise Full
        if queue is None:
            queue = self._queues[user_id] = deque()
            self._turns.append((now, user_id))
        elif len(queue) * USERS_SHARE >= self._places or queue[0][0] < latest:
            raise Full
        queue.append((now, item))
        self._count += 1

    def take(self, count: int) -> list[Item]:
        """The next items, `count` at most; each user's own in the order of their arrival."""
        taken: list[Item] = []
        now = self._clock()
        while self._turns and len(taken) < count:
            _, user_id = self._turns.popleft()
            queue = self._queues[user_id]
            taken.append(queue.popleft()[1])
            if queue:
                self._turns.append((now, user_id))
            else:
                del self._queues[user_id]
        self._count -= len(taken)
        return taken


class RejectionPacer:
    """Lets refusals go at a bounded rate: clients that come back at once would leave no time for the others."""

    def __init__(self) -> None:
        self._next_at = 0.0

    async def wait(self) -> None:
        """Returns at once while there are few, and after LONGEST_PAUSE_S at the latest."""
        now = asyncio.get_running_loop().time()
        at = min(max(now, self._next_at), now + LONGEST_PAUSE_S)
        self._next_at = at + 1 / REFUSALS_PER_S
        if at > now:
            await asyncio.sleep(at - now)
