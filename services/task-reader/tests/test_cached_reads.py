"""Only whole lists pass through the cache, whatever else a read may ask for."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from common.contracts.message import Operation
from common.contracts.reads import Read
from task_reader.cached_reads import answer_cached
from task_reader.list_cache import CachedList, ListCache

USER = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11")
LIST = CachedList(7, b"7 []")
OTHER = b"7 {}"
OF_ANY_READ = {*Operation.model_fields, "user_id", "known_revision", "min_revision"}


async def test_a_read_that_asks_for_anything_else_is_neither_answered_from_memory_nor_kept_there() -> None:
    others = [Read(user_id=USER).model_copy(update={name: object()}) for name in Read.model_fields.keys() - OF_ANY_READ]
    cache, asked = ListCache(2**20), list[Read]()
    cache.keep(USER, LIST)

    async def ask(reads: Sequence[Read]) -> list[bytes | None]:
        asked.extend(reads)
        return [OTHER for _ in reads]

    answers = await answer_cached(others, ask, cache)

    assert len(others) > 1
    assert all(one is other for one, other in zip(asked, others, strict=True))
    assert answers == [OTHER] * len(others)
    assert cache.find(USER) == LIST


@pytest.mark.parametrize("request_id", [None, "a-request"])
async def test_a_whole_list_is_one_whoever_asks_and_whatever_they_know(request_id: str | None) -> None:
    cache = ListCache(2**20)
    cache.keep(USER, LIST)
    reads = [Read(user_id=USER, request_id=request_id, known_revision=known) for known in (None, 6)]

    async def ask(reads: Sequence[Read]) -> list[bytes | None]:
        return [str(read.known_revision).encode() for read in reads]

    assert await answer_cached(reads, ask, cache) == [LIST.answer] * 2
