from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractQueue
from common.bus.broker import connect_to
from local_stack.leftovers import marked_processes
from local_stack.rabbitmq import Rabbitmq, running_rabbitmq
from local_stack.state import State, open_state

from tests.local_stack.parts import kill
from tests.releases import rabbitmq_of_line


@pytest.fixture
async def private_state(tmp_path: Path) -> AsyncIterator[State]:
    async with open_state(tmp_path / "stack") as opened:
        yield opened


@asynccontextmanager
async def channel_to(node: Rabbitmq) -> AsyncIterator[AbstractChannel]:
    async with await connect_to(node.url) as connection, connection.channel() as channel:
        yield channel


async def quorum_queue(channel: AbstractChannel) -> AbstractQueue:
    return await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})


async def test_a_confirmed_message_in_a_quorum_queue_survives_a_kill(private_state: State) -> None:
    async with running_rabbitmq(private_state) as node:
        async with channel_to(node) as channel:
            await quorum_queue(channel)
            message = aio_pika.Message(b"still here", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, routing_key="kept")
        await node.wait_queues_kept()

        await kill(node.process)
        await node.wait_ready()

        async with channel_to(node) as channel:
            found = await (await quorum_queue(channel)).get(timeout=20)
            assert found is not None
            assert found.body == b"still here"
            await found.ack()


async def test_the_line_of_releases_can_be_chosen_and_each_has_data_of_its_own(private_state: State) -> None:
    reports: list[str] = []
    versions, kept = [], []
    for line in ("3.10", "4", "3.10"):
        async with rabbitmq_of_line(private_state, line, reports.append) as node, channel_to(node) as channel:
            queue = await channel.declare_queue("kept", durable=True)
            kept.append(queue.declaration_result.message_count)
            message = aio_pika.Message(b"", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, "kept")
        versions.append(node.version[0])

    assert versions == [3, 4, 3]
    assert kept == [0, 0, 1]
    assert [line for line in reports if "starts empty" in line] == [
        f"rabbitmq     starts empty: messages of another release stay in {private_state.path}/rabbitmq/data"
    ]
    assert [line for line in reports if "out of support" in line] == [reports[0], reports[-1]]


async def test_nothing_runs_after_the_stop_not_even_the_port_mapper(private_state: State) -> None:
    async with running_rabbitmq(private_state) as node:
        pids = {node.process.pid, node.epmd.pid}
        assert pids <= set(marked_processes(private_state.path))

    assert marked_processes(private_state.path) == []


async def test_a_second_node_runs_beside_the_first(rabbitmq: Rabbitmq, private_state: State) -> None:
    async with running_rabbitmq(private_state) as other, channel_to(other) as channel:
        await channel.declare_queue("of the other node", durable=True)

        async with channel_to(rabbitmq) as elsewhere:
            with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
                await elsewhere.declare_queue("of the other node", passive=True)


def test_the_pid_file_holds_the_virtual_machine(rabbitmq: Rabbitmq, state: State) -> None:
    pid = int(state.pid_file("rabbitmq").read_text())

    assert pid == rabbitmq.process.pid
    assert Path(f"/proc/{pid}/comm").read_text() == "beam.smp\n"


async def test_there_is_no_guest(rabbitmq: Rabbitmq) -> None:
    with pytest.raises(aio_pika.exceptions.ProbableAuthenticationError):
        await connect_to(f"amqp://guest:guest@127.0.0.1:{rabbitmq.port}/")
