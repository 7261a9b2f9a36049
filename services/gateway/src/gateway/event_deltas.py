"""Reads what has changed for streams of many users at once, and sends it to them."""

from collections.abc import Awaitable, Callable, Sequence

from common.contracts.reads import Page, Read
from common.contracts.revised import NotReached, Revised

from gateway.event_format import changes_event, reset_event
from gateway.event_streams import Feed
from gateway.reader_link import Answer

REVISION_ALONE = Page(limit=1)  # what there is to learn the present revision from, at the cost of one task
type Ask = Callable[[Sequence[Read]], Awaitable[Sequence[Answer]]]

type Wanted = tuple[Feed, int]
"""A user's streams, and the revision that some of them are at."""


async def send_news(ask: Ask, wanted: Sequence[Wanted]) -> None:
    """Sends each what has changed since its revision, if anything has. One request; a second one where changes cannot
    be told. A replica that has not reached the revision says so, and is passed over. Raises ReaderUnavailable."""
    reads = [
        Read(user_id=feed.user_id, since=since, known_revision=since, min_revision=since) for feed, since in wanted
    ]
    gone: list[Wanted] = []
    for (feed, since), answer in zip(wanted, await ask(reads), strict=True):
        if answer is None or answer is NotReached.UNREACHED:
            gone.append((feed, since))
        elif isinstance(answer, Revised) and answer.revision is not None and answer.body is not None:
            text = changes_event(answer.revision, answer.body)
            feed.send("changes", text, since=since, revision=answer.revision)
    if gone:
        await _reset(ask, gone)


async def _reset(ask: Ask, gone: Sequence[Wanted]) -> None:
    reads = [Read(user_id=feed.user_id, page=REVISION_ALONE) for feed, _ in gone]
    for (feed, since), answer in zip(gone, await ask(reads), strict=True):
        if isinstance(answer, Revised) and answer.revision is not None:
            feed.send("reset", reset_event(answer.revision), since=since, revision=answer.revision)
