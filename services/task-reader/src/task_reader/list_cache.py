"""The lists that were read last, in memory, each with the revision at which PostgreSQL rendered it. See ADR 22."""

from collections import OrderedDict
from typing import NamedTuple
from uuid import UUID

ENTRY_BYTES = 400
"""Of an entry beside its answer: its places in two tables, the key, the tuple, the number and the head of the bytes.
A test measures that it is no more; 310 to 360 were measured."""

LARGEST_SHARE = 8
"""One list takes an eighth of the cache at most: a few long ones must not push out all others."""


class CachedList(NamedTuple):
    """A user's whole list as PostgreSQL answered it, in the form of common.contracts.revised, and its revision."""

    revision: int
    answer: bytes


class ListCache:
    """Answers by user, `max_bytes` of them at most; the least recently used go first. With 0 it stays empty.

    It never says whether an answer is current: PostgreSQL does, on each read.
    """

    def __init__(self, max_bytes: int) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._lists = OrderedDict[UUID, CachedList]()

    def find(self, user_id: UUID) -> CachedList | None:
        """The list that was kept last for this user, if it is still there."""
        found = self._lists.get(user_id)
        if found is not None:
            self._lists.move_to_end(user_id)
        return found

    def keep(self, user_id: UUID, cached: CachedList) -> None:
        """Keeps the list in place of the user's last one, unless it is too large: then neither is kept."""
        self._forget(user_id)
        entry_bytes = _entry_bytes(cached)
        if entry_bytes > self._max_bytes // LARGEST_SHARE:
            return
        self._lists[user_id] = cached
        self.bytes += entry_bytes
        while self.bytes > self._max_bytes:
            _, oldest = self._lists.popitem(last=False)
            self.bytes -= _entry_bytes(oldest)

    def _forget(self, user_id: UUID) -> None:
        replaced = self._lists.pop(user_id, None)
        if replaced is not None:
            self.bytes -= _entry_bytes(replaced)


def _entry_bytes(cached: CachedList) -> int:
    return ENTRY_BYTES + len(cached.answer)
