"""That the counts notice: one thing more, planted in the running code, makes each of them differ from costs.py."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pydantic_core
import pytest
from common.bus.publisher import Publisher
from common.contracts.reads import Read
from common.contracts.revised import Revised
from common.postgres.database import Connection
from common.postgres.text_rows import text_rows
from gateway import reader_link
from gateway.bus_session import BusSession
from gateway.reader_link import ReaderLink
from local_stack.rabbitmq import Rabbitmq
from pydantic import TypeAdapter
from task_reader import routes
from task_reader.queries import answer_reads
from task_writer import app, batches, statements

from tests.commands import create
from tests.conftest import Addresses
from tests.counts import costs
from tests.counts.counted_reads import CountedReads, counted_reads
from tests.counts.counted_writes import CountedWrites, counted_writes
from tests.counts.gateway_client import TASK, ask_at_once, creates, lists
from tests.counts.http_traffic import HttpTraffic

type Asynchronous = Callable[..., Awaitable[Any]]


async def a_read(addresses: Addresses) -> CountedReads:
    async with counted_reads(addresses) as system:
        await ask_at_once(system.gateway, lists([create()]))
    return system


async def a_write(addresses: Addresses, rabbitmq: Rabbitmq) -> CountedWrites:
    async with counted_writes(addresses, rabbitmq) as system:
        await ask_at_once(system.gateway, creates(1))
    return system


def after_a_select(real: Asynchronous) -> Asynchronous:
    """`real`, after one more round trip over the same connection."""

    async def slower(db: Connection, *wanted: Any) -> Any:
        await db.execute("select 1")
        return await real(db, *wanted)

    return slower


def twice(real: Asynchronous) -> Asynchronous:
    async def repeated(*given: Any) -> Any:
        await real(*given)
        return await real(*given)

    return repeated


async def test_a_second_round_trip_of_the_task_reader_is_counted(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "answer_reads", after_a_select(answer_reads))

    system = await a_read(addresses)

    assert system.sql.round_trips == costs.reads(1).round_trips + 1
    assert system.sql.statements == costs.reads(1).statements + 1


async def test_a_second_request_of_the_gateway_is_counted(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReaderLink, "ask", twice(ReaderLink.ask))

    system = await a_read(addresses)

    assert system.http == HttpTraffic(requests=2)


async def test_a_connection_that_is_not_kept_is_counted(addresses: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    async def and_then_close(db: Connection, wanted: Sequence[Read]) -> list[bytes | None]:
        answers = await answer_reads(db, wanted)
        await db.close()
        return answers

    monkeypatch.setattr(routes, "answer_reads", and_then_close)

    async with counted_reads(addresses) as system:
        for _ in range(2):
            await ask_at_once(system.gateway, lists([create()]))

    assert system.sql.connections > 0


@pytest.mark.parametrize(
    ("owner", "parser"),
    [(json, "loads"), (pydantic_core, "from_json"), (TypeAdapter(object), "validate_json")],
)
async def test_json_parsed_on_the_way_is_counted(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch, owner: object, parser: str
) -> None:
    unpack = reader_link._unpack

    def curious(body: bytes, count: int) -> list[reader_link.Answer]:
        answers = unpack(body, count)
        (answer,) = answers
        assert isinstance(answer, Revised)
        getattr(owner, parser)(bytes(answer.body or b""))
        return answers

    monkeypatch.setattr(reader_link, "_unpack", curious)

    system = await a_read(addresses)

    assert system.parses.total() == 2


async def test_a_second_round_trip_of_the_task_writer_is_counted(
    addresses: Addresses, rabbitmq: Rabbitmq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "text_rows", after_a_select(text_rows))

    system = await a_write(addresses, rabbitmq)

    assert system.traffic.sql.round_trips == costs.batch(1).round_trips + 1


async def test_a_second_statement_of_a_batch_is_counted(
    addresses: Addresses, rabbitmq: Rabbitmq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "RUN_COMMANDS", f"{statements.RUN_COMMANDS}set local app.more = '';")

    system = await a_write(addresses, rabbitmq)

    assert system.traffic.sql.round_trips == costs.batch(1).round_trips
    assert system.traffic.sql.statements == costs.batch(1).statements + 1


async def test_a_second_message_is_counted(
    addresses: Addresses, rabbitmq: Rabbitmq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BusSession, "_publish", twice(BusSession._publish))

    traffic = (await a_write(addresses, rabbitmq)).traffic

    assert traffic.gateway.sent.frames == costs.GATEWAY_SENDS + costs.GATEWAY_SENDS
    assert traffic.gateway.received.frames == costs.GATEWAY_RECEIVES + costs.GATEWAY_RECEIVES
    assert traffic.writer.sent.frames == costs.WRITER_SENDS + costs.WRITER_SENDS
    assert traffic.writer.received.frames == costs.WRITER_RECEIVES + costs.WRITER_RECEIVES


async def test_a_confirm_of_a_reply_is_counted(
    addresses: Addresses, rabbitmq: Rabbitmq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Publisher", lambda *given, **more: Publisher(*given, **{**more, "confirmed": True}))

    system = await a_write(addresses, rabbitmq)

    # It comes back too, because direct reply-to has no queue: a mandatory message finds none.
    assert system.traffic.writer.received.frames - costs.WRITER_RECEIVES >= Counter(ack=1)


async def test_one_more_character_of_a_title_is_counted(
    addresses: Addresses, rabbitmq: Rabbitmq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TASK, "title", "Buy milk!")

    traffic = (await a_write(addresses, rabbitmq)).traffic

    assert traffic.gateway.sent.body_bytes == costs.BATCH_BYTES + costs.CREATE_BYTES + 1
