"""A failed or closed connection to RabbitMQ leaves nothing behind, and is retried for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPConnectionError
from common.bus import broker
from common.bus.broker import Connection, connect_to, connection_urls
from common.bus.kept_connection import KeptConnection
from common.runtime.background import running
from common.settings import BusSettings
from pydantic import SecretStr

from tests.ports import closed_port
from tests.waiting import eventually

LIMIT_S = 5.0


def kept_at(*ports: int) -> KeptConnection[Connection]:
    async def prepare(connection: Connection) -> Connection:
        return connection

    return KeptConnection(settings_for(*ports), "test", prepare)


def settings_for(*ports: int) -> BusSettings:
    return BusSettings(rabbitmq_url=SecretStr(",".join(f"amqp://guest:s3cret@127.0.0.1:{port}/" for port in ports)))


@pytest.fixture
async def silent() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server that takes connections and never says a word: its port, and whether anybody has come."""
    called = asyncio.Event()

    async def listen(requests: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        called.set()
        await requests.read()
        answers.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], called


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Returns once the words are in the log."""

    async def are_there() -> bool:
        return words in caplog.text

    await eventually(are_there, within_s=LIMIT_S)


async def test_stopping_while_rabbitmq_does_not_answer_leaves_nothing_running(
    silent: tuple[int, asyncio.Event],
) -> None:
    port, called = silent
    before = asyncio.all_tasks()
    async with running("bus", kept_at(port).keep_open):
        await asyncio.wait_for(called.wait(), LIMIT_S)
        during = asyncio.all_tasks() - before

    await asyncio.wait(during, timeout=LIMIT_S)
    assert {task for task in during if not task.done()} == set()


async def test_stopping_between_two_attempts_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()
    with closed_port() as nobody:
        kept = kept_at(nobody)
        async with running("bus", kept.keep_open):
            await eventually(lambda: says(kept, "RabbitMQ cannot be used: AMQPConnectionError"))
            during = asyncio.all_tasks() - before

    await asyncio.wait(during, timeout=LIMIT_S)
    assert {task for task in during if not task.done()} == set()


async def says(kept: KeptConnection[Connection], reason: str) -> bool:
    return kept.component.state == "down" and reason in (kept.component.reason or "")


async def test_a_reason_is_logged_once_and_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[int] = []

    async def counted() -> None:
        attempts.append(1)

    async def prepare(connection: Connection) -> Connection:
        return connection

    async def has_tried(times: int) -> bool:
        return len(attempts) > times

    with closed_port() as nobody, closed_port() as nobody_either:
        kept = KeptConnection(settings_for(nobody, nobody_either), "test", prepare, when=counted)
        async with running("bus", kept.keep_open):
            await eventually(lambda: has_tried(5))
            assert await says(kept, f"127.0.0.1:{nobody}: AMQPConnectionError")
            assert await says(kept, f"127.0.0.1:{nobody_either}: AMQPConnectionError")

    assert caplog.text.count("the bus is down: test: RabbitMQ cannot be used") == 1
    assert "s3cret" not in caplog.text


async def test_a_server_that_does_not_answer_is_waited_for_and_that_is_logged(
    silent: tuple[int, asyncio.Event], caplog: pytest.LogCaptureFixture
) -> None:
    port, _ = silent
    async with running("bus", kept_at(port).keep_open):
        await logged(caplog, "waiting for RabbitMQ")


async def test_a_server_that_does_not_answer_is_given_up_in_time_and_tried_again(
    silent: tuple[int, asyncio.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "STEP_TIMEOUT_S", 0.1)
    port, called = silent
    kept = kept_at(port)
    async with running("bus", kept.keep_open):
        await eventually(lambda: says(kept, "TimeoutError: RabbitMQ did not answer in time"))
        called.clear()
        await asyncio.wait_for(called.wait(), LIMIT_S)


async def test_the_nodes_of_a_cluster_are_tried_in_random_order() -> None:
    settings = settings_for(1, 2, 3)

    orders = {tuple(url.port for url in connection_urls(settings, "test")) for _ in range(200)}

    assert len(orders) == 6


async def test_a_refused_connection_is_closed_before_it_is_forgotten() -> None:
    """Else its finalizer wants to close it, and warns when the garbage collector runs while no event loop does."""
    with closed_port() as nobody, pytest.raises(AMQPConnectionError) as refusal:
        await connect_to(f"amqp://127.0.0.1:{nobody}/")

    locals_of_all = [value for entry in refusal.traceback for value in entry.locals.values()]
    made = {value for value in locals_of_all if isinstance(value, AbstractConnection)}
    assert [connection.is_closed for connection in made] == [True]


async def test_once_it_is_retired_none_is_opened() -> None:
    with closed_port() as nobody:
        kept = kept_at(nobody)
        kept.retire()

        await asyncio.wait_for(kept.keep_open(), LIMIT_S)

    assert kept.current is None
    assert not await says(kept, "cannot be used")
