"""Reads what has changed for streams of many users at once, and sends it to them."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from common.contracts.reads import Page
from common.contracts.revised import NotReached, Revised

from gateway.event_format import changes_event, reset_event
from gateway.event_streams import Feed
from gateway.reader_link import Answer, ReaderUnavailable
from gateway.reading import Read

REVISION_ALONE = Page(limit=1)  # what there is to learn the present revision from, at the cost of one task
type Ask = Callable[[Sequence[Read]], Awaitable[Sequence[Answer]]]

type Wanted = tuple[Feed, int]
"""A user's streams, and the revision that some of them are at."""


@dataclass(frozen=True)
class Readers:
    """Whom to ask for news: any task-reader, and where there is one, that of the primary."""

    ask: Ask
    ask_primary: Ask | None = None


async def send_news(readers: Readers, wanted: Sequence[Wanted]) -> None:
    """Sends each what has changed since its revision, if anything has. One request; a second one where changes cannot
    be told.

    What a replica does not tell is asked of the primary: one that has not reached the revision of a stream, or is not
    where a hint says that the user is when it is asked again. Raises ReaderUnavailable.
    """
    if readers.ask_primary is None:
        await _send(readers.ask, wanted)
        return
    try:
        passed_over = await _send(readers.ask, wanted)
    except ReaderUnavailable:
        await _send(readers.ask_primary, wanted)
        return
    late = {feed: None for feed, _ in wanted if feed.looks > 1 and feed.is_behind}
    untold = [one for one in passed_over if one[0] not in late]
    untold += [(feed, revision) for feed in late for revision in feed.revisions()]
    if untold:
        with suppress(ReaderUnavailable):  # the replica may still get there
            await _send(readers.ask_primary, untold)


async def _send(ask: Ask, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Returns what is passed over, because the replica that was asked has not reached its revision."""
    reads = [
        Read(user_id=str(feed.user_id), task_id=None, since=since, known_revision=since, min_revision=since)
        for feed, since in wanted
    ]
    gone: list[Wanted] = []
    behind: list[Wanted] = []
    for (feed, since), answer in zip(wanted, await ask(reads), strict=True):
        if answer is None or answer is NotReached.UNREACHED:
            gone.append((feed, since))
        elif answer is NotReached.BEHIND:
            behind.append((feed, since))
        elif answer.revision is not None and answer.body is not None:
            text = changes_event(answer.revision, answer.body)
            feed.send("changes", text, since=since, revision=answer.revision)
    if gone:
        await _reset(ask, gone)
    return behind


async def _reset(ask: Ask, gone: Sequence[Wanted]) -> None:
    reads = [Read(user_id=str(feed.user_id), task_id=None, page=REVISION_ALONE) for feed, _ in gone]
    for (feed, since), answer in zip(gone, await ask(reads), strict=True):
        if isinstance(answer, Revised) and answer.revision is not None:
            feed.send("reset", reset_event(answer.revision), since=since, revision=answer.revision)
