"""The cache of lists holds what it may and no more, and forgets the least recently used first."""

import tracemalloc
from uuid import UUID, uuid4

import pytest
from task_reader.list_cache import ENTRY_BYTES, LARGEST_SHARE, CachedList, ListCache

ROOM = 16
"""Lists of one size that fit into a cache."""


def a_list(revision: int = 1, *, entry_bytes: int = 1024) -> CachedList:
    """One that takes so many bytes of the cache."""
    return CachedList(revision, bytes(entry_bytes - ENTRY_BYTES))


def filled(cache: ListCache, count: int) -> list[UUID]:
    """The users of lists that were kept one after the other."""
    users = [uuid4() for _ in range(count)]
    for user in users:
        cache.keep(user, a_list())
    return users


def kept(cache: ListCache, users: list[UUID]) -> list[UUID]:
    return [user for user in users if cache.find(user) is not None]


def test_what_is_kept_is_found_under_its_user_alone() -> None:
    cache = ListCache(ROOM * 1024)
    ours, theirs = uuid4(), uuid4()

    cache.keep(ours, a_list(7))

    assert cache.find(ours) == a_list(7)
    assert cache.find(theirs) is None


def test_a_user_has_one_list_the_last_whatever_its_revision() -> None:
    cache, user = ListCache(ROOM * 1024), uuid4()

    for revision in (7, 8, 3):
        cache.keep(user, a_list(revision))

    assert cache.find(user) == a_list(3)
    assert cache.bytes == 1024


def test_it_fills_to_the_last_byte_and_then_forgets_the_oldest() -> None:
    cache = ListCache(ROOM * 1024)

    first, *others = users = filled(cache, ROOM)
    assert (kept(cache, users), cache.bytes) == (users, ROOM * 1024)
    one_more = filled(cache, 1)

    assert kept(cache, [first, *others, *one_more]) == [*others, *one_more]
    assert cache.bytes == ROOM * 1024


def test_what_was_found_again_is_forgotten_last() -> None:
    cache = ListCache(ROOM * 1024)
    first, second, *others = filled(cache, ROOM)

    cache.find(first)
    filled(cache, 1)

    assert kept(cache, [first, second, *others]) == [first, *others]


def test_a_larger_list_pushes_out_as_many_as_it_needs() -> None:
    cache = ListCache(ROOM * 1024)
    users = filled(cache, ROOM)

    cache.keep(uuid4(), a_list(entry_bytes=1025))

    assert kept(cache, users) == users[2:]
    assert cache.bytes == (ROOM - 2) * 1024 + 1025


@pytest.mark.parametrize(("more", "is_kept"), [(0, True), (1, False)])
def test_a_list_of_an_eighth_is_kept_and_none_above(more: int, is_kept: bool) -> None:
    cache, user = ListCache(ROOM * 1024), uuid4()
    largest = ROOM * 1024 // LARGEST_SHARE

    cache.keep(user, a_list(entry_bytes=largest + more))

    assert (cache.find(user) is not None) == is_kept
    assert cache.bytes == (largest if is_kept else 0)


def test_a_list_that_has_grown_too_large_takes_the_one_before_with_it() -> None:
    cache, user = ListCache(ROOM * 1024), uuid4()
    cache.keep(user, a_list(7))

    cache.keep(user, a_list(8, entry_bytes=ROOM * 1024))

    assert cache.find(user) is None
    assert cache.bytes == 0


@pytest.mark.parametrize("max_bytes", [0, 1, ENTRY_BYTES])
def test_without_room_nothing_is_kept(max_bytes: int) -> None:
    cache = ListCache(max_bytes)

    users = filled(cache, 3)

    assert kept(cache, users) == []
    assert cache.bytes == 0


def answer_of(revision: int) -> bytes:
    return f"{revision} {'x' * 100}".encode()


@pytest.mark.parametrize("count", [100, 5_000, 22_000])
def test_an_entry_takes_no_more_memory_than_it_is_counted_for(count: int) -> None:
    first = 10**15
    cache = ListCache(2**30)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    for revision in range(first, first + count):
        cache.keep(uuid4(), CachedList(revision, answer_of(revision)))

    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert cache.bytes * 0.75 < taken <= cache.bytes
