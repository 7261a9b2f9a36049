"""A fair queue for requests that wait for a batch, bounded in size and waiting time; and a pacer for rejections."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

type User = Hashable
"""What tells users apart."""

USER_SHARE = 4  # one user gets a quarter of the capacity, at most
REFUSALS_PER_S = 1_000  # a rejection costs about as much as a read: in total a tenth of a core
LONGEST_PAUSE_S = 1.0


class Full(Exception):
    """The queue is full, or its wait is already too long: an immediate rejection is better than a time-out."""


class FairQueue[Item]:
    """Round robin between users: each turn takes the oldest item of one user.

    So a new user waits for at most one item of every other user, however many items one of them has queued. Adding and
    taking an item costs O(1).
    """

    def __init__(self, *, capacity: int, longest_wait_s: float, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._longest_wait_s = longest_wait_s
        self._clock = clock
        self._queues: dict[User, deque[tuple[float, Item]]] = {}  # items of each waiting user, with arrival times
        self._turns: deque[tuple[float, User]] = deque()  # users in turn, each with the time since it waits
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, user_id: User, item: Item) -> None:
        """Raises Full when the capacity or the user's share is used up, or while the next user in turn, or this user's
        oldest item, has waited for more than `longest_wait_s`.
        """
        now = self._clock()
        latest = now - self._longest_wait_s
        queue = self._queues.get(user_id)
        if self._count >= self._capacity or (self._turns and self._turns[0][0] < latest):
            raise Full
        if queue is None:
            queue = self._queues[user_id] = deque()
            self._turns.append((now, user_id))
        elif len(queue) * USER_SHARE >= self._capacity or queue[0][0] < latest:
            raise Full
        queue.append((now, item))
        self._count += 1

    def take(self, count: int) -> list[Item]:
        """The next items, `count` at most; each user's items in order of arrival."""
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


class BoundedWaits:
    """Counts the requests that wait for something, `capacity` of them at most, a quarter of it for one user."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._of_users = Counter[User]()

    @contextmanager
    def holding(self, user_id: User) -> Iterator[None]:
        """Counts one wait inside the context. Raises Full when the capacity or the user's share is used up."""
        if self._of_users.total() >= self._capacity or self._of_users[user_id] * USER_SHARE >= self._capacity:
            raise Full
        self._of_users[user_id] += 1
        try:
            yield
        finally:
            self._of_users[user_id] -= 1
            if not self._of_users[user_id]:
                del self._of_users[user_id]


class RejectionPacer:
    """Limits the rate of rejections: clients that retry immediately would use up the CPU."""

    def __init__(self) -> None:
        self._next_at = 0.0

    async def wait(self) -> None:
        """Returns immediately while rejections are few, and after LONGEST_PAUSE_S at the latest."""
        now = asyncio.get_running_loop().time()
        at = min(max(now, self._next_at), now + LONGEST_PAUSE_S)
        self._next_at = at + 1 / REFUSALS_PER_S
        if at > now:
            await asyncio.sleep(at - now)
