"""Reads whose lists may come from memory: PostgreSQL gets the revision that is kept, and answers with it alone where
the list has not changed. See ADR 22.
"""

from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter

from common.contracts.message import Operation
from common.contracts.reads import Read
from common.contracts.revised import not_reached, split

from task_reader.list_cache import CachedList, ListCache
from task_reader.metrics import LIST_HITS, LIST_MISSES

type Answers = list[bytes | None]
type Ask = Callable[[Sequence[Read]], Awaitable[Answers]]


async def answer_cached(reads: Sequence[Read], ask: Ask, cache: ListCache) -> Answers:
    """What `ask` answers to the reads, with unchanged lists from memory, and rendered lists kept there.

    The revision in an answer is that of PostgreSQL now, so nothing older than the read is ever answered. `ask` is
    called once. Raises what it raises.
    """
    whole = [_is_whole_list(read) for read in reads]
    if not any(whole):
        return await ask(reads)
    kept = [cache.find(read.user_id) if is_whole else None for read, is_whole in zip(reads, whole, strict=True)]
    answers = await ask([_with_kept(read, one) for read, one in zip(reads, kept, strict=True)])
    return [
        _complete(read, one, answer, cache) if is_whole else answer
        for read, is_whole, one, answer in zip(reads, whole, kept, answers, strict=True)
    ]


_SELECTING = (
    Read.model_fields.keys()
    - Operation.model_fields.keys()
    - {
        "user_id",
        "known_revision",
        "min_revision",
    }
)
"""What a read may ask for instead of a whole list: every other field, those of later releases included."""

_asked_for = attrgetter(*_SELECTING)
_WHOLE_LIST = tuple(Read.model_fields[name].default for name in _SELECTING)


def _is_whole_list(read: Read) -> bool:
    return read.task_id is None and bool(_asked_for(read) == _WHOLE_LIST)  # most reads are of one task: decided at once


def _with_kept(read: Read, kept: CachedList | None) -> Read:
    """The read with the newer of the two revisions that are known, the client's and ours: only that can be the present
    one."""
    if kept is None or (read.known_revision or 0) > kept.revision:
        return read
    return read.model_copy(update={"known_revision": kept.revision})


def _complete(read: Read, kept: CachedList | None, answer: bytes | None, cache: ListCache) -> bytes | None:
    """The answer to a whole list: the revision alone where the client knows it, and otherwise with the list."""
    if answer is None or not_reached(answer):
        return answer
    revision, body = split(memoryview(answer))
    if body is not None and revision is not None:
        LIST_MISSES.inc()
        cache.keep(read.user_id, CachedList(revision, answer))
        return answer
    if kept is None or revision != kept.revision or revision == read.known_revision:
        return answer
    LIST_HITS.inc()
    return kept.answer
