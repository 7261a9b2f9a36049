"""When news is looked for, what becomes of the answers, and what a task-reader that is away or behind costs."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from common.contracts.reads import Read, ReadBatch
from common.contracts.revised import NotReached, Revised
from common.runtime.background import running
from gateway.event_deltas import Readers
from gateway.event_hub import MAX_LOOKS, MAX_READS, EventHub
from gateway.event_streams import EventStream
from gateway.reader_link import Answer, ReaderUnavailable
from gateway.reading import Read as SentRead
from gateway.reading import encode_reads
from gateway.settings import EventSettings

from tests.waiting import eventually, turns

NEVER = float("inf")


class Reader:
    """Answers each read by its user and revision, and remembers what it was asked. `held` holds it back."""

    def __init__(self) -> None:
        self.now: dict[UUID, Answer] = {}
        self.asked: list[Sequence[Read]] = []
        self.is_away = False
        self.free = asyncio.Event()
        self.free.set()

    async def ask(self, sent: Sequence[SentRead]) -> Sequence[Answer]:
        reads = ReadBatch.model_validate_json(encode_reads(sent)).reads
        self.asked.append(reads)
        await self.free.wait()
        if self.is_away:
            raise ReaderUnavailable("away")
        return [self._answer(read) for read in reads]

    def _answer(self, read: Read) -> Answer:
        if read.page is not None:
            return Revised(9, memoryview(b"\n[]"))
        answer = self.now.get(read.user_id)
        return Revised(read.since, None) if isinstance(answer, Revised) and answer.revision == read.since else answer


class Client:
    """An open answer whose client reads, or does not."""

    def __init__(self) -> None:
        self.is_writable = True
        self.written: list[bytes] = []

    def write(self, part: bytes) -> None:
        self.written.append(part)

    def end(self, part: bytes) -> None:
        self.written += [part, b"end"]


def changed(revision: int) -> Revised:
    return Revised(revision, memoryview(b"{%d}" % revision))


def open_stream(hub: EventHub, user_id: UUID, revision: int) -> tuple[EventStream, Client]:
    stream, client = hub.add(user_id, NEVER), Client()
    stream.revision = revision
    stream.opened(client)
    return stream, client


@asynccontextmanager
async def reading(hub: EventHub) -> AsyncIterator[None]:
    async with running("reading", hub.keep_reading):
        yield


@pytest.fixture(autouse=True)
def _last_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats and checks come at the end of their first round, and not at a random moment of it."""
    monkeypatch.setattr(random, "randrange", lambda turns: turns - 1)


@pytest.fixture
async def reader() -> Reader:
    return Reader()


@pytest.fixture
async def hub(reader: Reader) -> EventHub:
    return EventHub(Readers(reader.ask), EventSettings(event_check_s=3_600, event_heartbeat_s=3_600))


async def test_streams_of_a_user_share_a_read_for_each_revision(hub: EventHub, reader: Reader) -> None:
    user = uuid4()
    clients = [open_stream(hub, user, revision)[1] for revision in (1, 1, 2)]
    reader.now[user] = changed(5)
    async with reading(hub):
        hub.hint({user: 5})
        await turns(5)

    assert [sorted(read.since or 0 for read in reads) for reads in reader.asked] == [[1, 2]]
    assert all(client.written == [b"event: changes\nid: 5\ndata: {5}\n\n"] for client in clients)


async def test_a_hint_of_what_is_known_causes_no_read(hub: EventHub, reader: Reader) -> None:
    user = uuid4()
    open_stream(hub, user, 5)
    async with reading(hub):
        assert hub.hint({user: 5, uuid4(): 7})
        assert not hub.hint({uuid4(): 7})
        await turns(5)

    assert reader.asked == []


async def test_a_hint_that_comes_while_the_stream_is_opened_is_not_lost(hub: EventHub, reader: Reader) -> None:
    user = uuid4()
    stream, client = hub.add(user, NEVER), Client()
    reader.now[user] = changed(5)
    async with reading(hub):
        hub.hint({user: 5})
        stream.revision = 4
        stream.opened(client)
        await turns(5)

    assert client.written == [b"event: changes\nid: 5\ndata: {5}\n\n"]


async def test_what_becomes_due_meanwhile_goes_together_and_one_request_is_on_its_way(
    hub: EventHub, reader: Reader
) -> None:
    users = [uuid4() for _ in range(2 * MAX_READS + 1)]
    for user in users:
        open_stream(hub, user, 1)
        reader.now[user] = changed(2)
    reader.free.clear()
    async with reading(hub):
        hub.hint({users[0]: 2})
        await turns(5)
        hub.hint(dict.fromkeys(users[1:], 2))
        await turns(5)
        before = len(reader.asked)
        reader.free.set()
        await turns(20)

    assert before == 1
    assert [len(reads) for reads in reader.asked] == [1, MAX_READS, MAX_READS]


async def test_a_replica_that_is_behind_is_asked_again_at_each_tick_but_not_for_ever(
    hub: EventHub, reader: Reader
) -> None:
    user = uuid4()
    _, client = open_stream(hub, user, 1)
    reader.now[user] = NotReached.BEHIND
    async with reading(hub):
        hub.hint({user: 2})
        for _ in range(3 * MAX_LOOKS):
            await turns(5)
            hub.tick()

        assert (len(reader.asked), client.written) == (MAX_LOOKS, [])
        reader.now[user] = changed(2)
        hub.look_at_all()
        await turns(5)

    assert client.written == [b"event: changes\nid: 2\ndata: {2}\n\n"]


@pytest.fixture
async def primary() -> Reader:
    return Reader()


@pytest.fixture
async def hub_of_both(reader: Reader, primary: Reader) -> EventHub:
    settings = EventSettings(event_check_s=3_600, event_heartbeat_s=3_600)
    return EventHub(Readers(reader.ask, primary.ask), settings)


async def test_the_primary_tells_what_a_replica_has_not_reached(
    hub_of_both: EventHub, reader: Reader, primary: Reader
) -> None:
    behind, reached = uuid4(), uuid4()
    clients = [open_stream(hub_of_both, user, 3)[1] for user in (behind, reached)]
    reader.now |= {behind: NotReached.BEHIND, reached: changed(4)}
    primary.now |= {behind: changed(4), reached: changed(4)}
    async with reading(hub_of_both):
        hub_of_both.look_at_all()
        await turns(5)

    assert [client.written for client in clients] == [[b"event: changes\nid: 4\ndata: {4}\n\n"]] * 2
    assert [[read.user_id for read in reads] for reads in primary.asked] == [[behind]]


async def test_the_primary_tells_what_a_hint_promised_and_a_replica_has_not_the_second_time(
    hub_of_both: EventHub, reader: Reader, primary: Reader
) -> None:
    user = uuid4()
    _, client = open_stream(hub_of_both, user, 3)
    reader.now[user], primary.now[user] = changed(3), changed(4)
    async with reading(hub_of_both):
        hub_of_both.hint({user: 4})
        await turns(5)
        before = [*client.written, *primary.asked]
        hub_of_both.tick()
        await turns(5)
        hub_of_both.tick()
        await turns(5)

    assert before == []
    assert client.written == [b"event: changes\nid: 4\ndata: {4}\n\n"]
    assert (len(reader.asked), len(primary.asked)) == (2, 1)


async def test_the_primary_tells_while_the_others_are_away(
    hub_of_both: EventHub, reader: Reader, primary: Reader
) -> None:
    user = uuid4()
    _, client = open_stream(hub_of_both, user, 3)
    reader.is_away, primary.now[user] = True, changed(4)
    async with reading(hub_of_both):
        hub_of_both.hint({user: 4})
        await turns(5)

    assert client.written == [b"event: changes\nid: 4\ndata: {4}\n\n"]


async def test_a_replica_is_not_asked_more_often_because_the_primarys_reader_is_away(
    hub_of_both: EventHub, reader: Reader, primary: Reader
) -> None:
    user = uuid4()
    open_stream(hub_of_both, user, 3)
    reader.now[user], primary.is_away = NotReached.BEHIND, True
    async with reading(hub_of_both):
        hub_of_both.hint({user: 4})
        for _ in range(3 * MAX_LOOKS):
            await turns(5)
            hub_of_both.tick()

    assert (len(reader.asked), len(primary.asked)) == (MAX_LOOKS, MAX_LOOKS)


@pytest.mark.parametrize("answer", [None, NotReached.UNREACHED], ids=["gone", "of another database"])
async def test_what_cannot_be_told_is_a_reset_and_the_stream_goes_on(
    hub: EventHub, reader: Reader, answer: Answer
) -> None:
    user = uuid4()
    stream, client = open_stream(hub, user, 3)
    reader.now[user] = answer
    async with reading(hub):
        hub.look_at_all()
        await turns(5)

    assert client.written == [b'event: reset\ndata: {"revision": 9}\n\n']
    assert stream.revision == 9


async def test_a_reader_that_is_away_is_asked_again(hub: EventHub, reader: Reader) -> None:
    user = uuid4()
    _, client = open_stream(hub, user, 1)
    reader.now[user], reader.is_away = changed(2), True
    async with reading(hub):
        hub.hint({user: 2})
        await turns(5)
        reader.is_away = False

        async def is_told() -> bool:
            return bool(client.written)

        await eventually(is_told)


async def test_a_client_that_does_not_read_is_passed_over_until_it_does(hub: EventHub, reader: Reader) -> None:
    user = uuid4()
    _, client = open_stream(hub, user, 1)
    client.is_writable = False
    async with reading(hub):
        for revision in (2, 3, 4):
            reader.now[user] = changed(revision)
            hub.hint({user: revision})
            hub.tick()
            await turns(5)
        assert (client.written, reader.asked) == ([], [])

        client.is_writable = True
        hub.look_at_all()
        await turns(5)

    assert client.written == [b"event: changes\nid: 4\ndata: {4}\n\n"]


async def test_a_stream_ends_when_its_token_expires_and_not_before(hub: EventHub) -> None:
    now = hub.now()
    hub.now = lambda: now
    stream, client = hub.add(uuid4(), now + 10), Client()
    stream.opened(client)
    hub.tick()
    before = [*client.written]

    hub.now = lambda: now + 11
    hub.tick()

    assert before == []
    assert not stream.is_open
    assert client.written[0].startswith(b"retry: ")
    assert client.written[1:] == [b"end"]
