"""A RabbitMQ cluster loses, freezes and cuts off nodes under load, and has no majority: no promise is broken, all comes
back by itself, and a task-writer answers nothing on an acknowledgement that is not certain.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from aio_pika.abc import AbstractIncomingMessage
from common.bus.barrier import pass_barrier
from common.bus.broker import Connection, connect_to
from common.bus.declarations import DEAD_LETTERS
from common.bus.kept_connection import KeptConnection
from common.bus.message_channel import MessageChannel
from common.bus.publisher import Publisher
from common.bus.topology import COMMANDS_NAME
from common.postgres.database import open_database
from common.runtime.background import running
from common.settings import BusSettings
from local_stack.rabbitmq import Rabbitmq
from local_stack.supervision import Process
from prometheus_client import REGISTRY
from pydantic import SecretStr
from task_writer.consumer.command_consumer import CommandConsumer, Outgoing
from task_writer.consumer.reach import CUT_OFF, keep_looking
from task_writer.settings import WriterSettings

from faults.campaign import Recorder, busy_clients, plan_campaign
from faults.checker import check
from faults.clustered import ClusteredSystem, running_on_cluster
from faults.final import final_states, stored_tasks
from faults.history import History, Injury
from faults.injuries import frozen
from faults.node_faults import NODE_FAULTS, cut_off
from faults.outages import outages
from faults.rabbitmq_cluster import Cluster
from tests.commands import create
from tests.integration.raw_gateway import RawGateway, emptied_gateway, raw_gateway
from tests.ports import closed_port
from tests.waiting import eventually

LIMIT_S = 90.0
LONGEST_OUTAGE_S = 30.0  # 0.3 to 10 s on a machine with nothing else to do: docs/clusters.md
CLIENTS = 8

ASIDE = "aside"  # a virtual host without the services
LONGER_THAN_A_CONFIRM_S = 3.0  # it takes milliseconds, and a passive declare 0.25 s where the leader does not answer
REFUSED_AFTER_S = 3.0  # so that there is time to freeze the nodes after a batch was taken
LONGER_THAN_A_REFUSAL_S = 8.0


@pytest.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ClusteredSystem]:
    async with running_on_cluster(tmp_path_factory.mktemp("cluster"), print) as clustered:
        first = clustered.cluster.nodes[0]
        await first.control("add_vhost", ASIDE)
        await first.control("set_permissions", "--vhost", ASIDE, "taskwire", ".*", ".*", ".*")
        yield clustered


@pytest.fixture
async def cluster(system: ClusteredSystem) -> Cluster:
    """Whole, whatever the test before has done."""
    await eventually(system.cluster.is_whole, within_s=LIMIT_S)
    return system.cluster


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("fault", ["leader killed", "leader frozen"])
async def test_without_one_node_no_promise_is_broken_and_reads_go_on(system: ClusteredSystem, fault: str) -> None:
    history = await under_load(system, fault)

    violations = check(history)
    (outage,) = outages(history, violations)
    assert violations == []
    assert outage.writes_s < LONGEST_OUTAGE_S
    assert [one for one in history.operations if not one.is_write and not one.is_answered] == []


async def under_load(system: ClusteredSystem, fault: str) -> History:
    """What clients saw before, during and after it."""
    seed = list(NODE_FAULTS).index(fault)  # users of its own
    history = History(plan_campaign(seed, seconds=60, clients=CLIENTS))
    recorder = Recorder(history)
    async with busy_clients(recorder, system.gateway_urls, print):
        began_s = time.monotonic()
        await NODE_FAULTS[fault](system)
        back_s = time.monotonic()
        history.injuries.append(Injury(0, fault, "rabbitmq", began_s, back_s))
        await eventually(lambda: recorder.both_pass(back_s), within_s=LIMIT_S)
    assert system.stack.postgres is not None
    stored = await stored_tasks(system.stack.postgres.superuser_url)
    users = history.campaign.users
    ours = {user: tasks for user, tasks in stored.items() if user in users}
    history.final.extend(await final_states(ours, system.gateway_urls[0], history))
    return history


async def test_services_that_start_without_a_majority_say_so_and_come_up_once_it_is_back(
    system: ClusteredSystem, cluster: Cluster
) -> None:
    for process in system.processes:
        await process.stop()
    for node in cluster.nodes[1:]:
        await node.process.stop()

    try:
        for process in system.processes:
            await process.start()
        await eventually(lambda: all_say(system, "RabbitMQ cannot be used"), within_s=LIMIT_S)
        pids = [process.pid for process in system.processes]
    finally:
        for node in cluster.nodes[1:]:
            await node.process.start()

    await eventually(lambda: is_up(system), within_s=LIMIT_S)
    assert [process.pid for process in system.processes] == pids
    assert [process.deaths for process in system.processes] == [0] * len(pids)


async def all_say(system: ClusteredSystem, reason: str) -> bool:
    """Whether each says so on its admin port. A gateway is ready all the same: reads work."""
    return all([reason in await readiness(process) for process in system.processes])


async def is_up(system: ClusteredSystem) -> bool:
    return await system.is_ready() and not any(['"down"' in await readiness(process) for process in system.processes])


async def readiness(process: Process) -> str:
    async with httpx.AsyncClient(timeout=LIMIT_S) as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{process.program.environment['ADMIN_PORT']}/readyz")
        except httpx.TransportError:
            return ""
    return answer.text


@dataclass(frozen=True)
class Nodes:
    """The nodes by their part for the command queue."""

    leader: Rabbitmq
    follower: Rabbitmq
    other: Rabbitmq


@asynccontextmanager
async def gateway_at_a_follower(cluster: Cluster) -> AsyncIterator[tuple[RawGateway, Nodes]]:
    """With an empty command queue in a virtual host of the tests, with a member on each node.

    RabbitMQ may close the gateway's connection when the other nodes are frozen for long.
    """
    async with emptied_gateway(cluster.nodes[0].url + ASIDE):
        pass  # the queues are there from now on
    leader = await cluster.leader(ASIDE)
    follower, other = (node for node in cluster.nodes if node is not leader)
    async with raw_gateway(follower.url + ASIDE) as gateway:
        yield gateway, Nodes(leader, follower, other)


async def taken(connection: Connection) -> AbstractIncomingMessage:
    """The next command message, which is not acknowledged yet."""
    channel = await connection.channel()
    arriving: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    await (await channel.get_queue(COMMANDS_NAME, ensure=False)).consume(arriving.put)
    return await asyncio.wait_for(arriving.get(), LIMIT_S)


async def test_a_passive_declare_is_answered_for_an_acknowledgement_that_is_lost_and_the_barrier_is_not_passed(
    cluster: Cluster,
) -> None:
    async with gateway_at_a_follower(cluster) as (gateway, nodes):
        await gateway.send(create())
        connection = await connect_to(nodes.follower.url + ASIDE)
        message = await taken(connection)
        with frozen(nodes.leader.process), frozen(nodes.other.process):
            await message.ack()

            await asyncio.wait_for(message.channel.queue_declare(COMMANDS_NAME, passive=True), LONGER_THAN_A_CONFIRM_S)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pass_barrier(message.channel), LONGER_THAN_A_CONFIRM_S)

            await connection.end()
            nodes.leader.process.send_signal(signal.SIGKILL)
        again = await connect_to(nodes.follower.url + ASIDE)
        redelivered = await taken(again)
        await again.end()

    assert redelivered.body == message.body
    await eventually(cluster.is_whole, within_s=LIMIT_S)


async def test_nothing_is_refused_while_the_acknowledgement_is_not_certain(cluster: Cluster) -> None:
    """When the nodes go on, the acknowledgement may count after all, and then the batch has no answer; or it was lost,
    and the batch comes again."""
    async with gateway_at_a_follower(cluster) as (gateway, nodes), without_database(nodes.follower) as consumer:
        assert [outcome.status for outcome in await gateway.call(create(expires_in_s=LIMIT_S))] == ["refused"]

        await gateway.send(create(expires_in_s=LIMIT_S))
        await eventually(is_at_work)
        with frozen(nodes.leader.process), frozen(nodes.other.process):
            with pytest.raises(TimeoutError):
                await gateway.reply(within_s=LONGER_THAN_A_REFUSAL_S)
            await eventually(lambda: says(consumer, "is not certain"))
        await asyncio.wait_for(consumer.connection.usable(), LIMIT_S)
        async with raw_gateway(nodes.follower.url + ASIDE) as another:
            await another.send(create(expires_in_s=LIMIT_S))
            _, (of_next,) = await another.reply(within_s=LIMIT_S)
        replies = [await gateway.reply() for _ in range(gateway.heard.qsize())]

    assert of_next.status == "refused"
    assert {outcome.status for _, outcomes in replies for outcome in outcomes} <= {"unknown"}


async def test_a_node_that_is_cut_off_from_the_leader_of_the_queue_is_left(cluster: Cluster) -> None:
    async with gateway_at_a_follower(cluster) as (_, nodes), without_database(nodes.follower) as consumer:
        looking = partial(keep_looking, consumer.connection, [])
        async with running("looking", looking), cut_off(nodes.follower, cluster):
            await eventually(lambda: says(consumer, CUT_OFF), within_s=LIMIT_S)
        await asyncio.wait_for(consumer.connection.usable(), LIMIT_S)


async def test_a_former_leader_that_is_cut_off_is_left(cluster: Cluster) -> None:
    """It goes on to answer and to count its consumers, and confirms nothing."""
    async with (
        gateway_at_a_follower(cluster) as (_, nodes),
        without_database(nodes.leader) as consumer,
        replying(nodes.leader) as cut_off_replies,
        replying(nodes.follower) as replies,
    ):
        consuming = consumer.connection
        looking = partial(keep_looking, consuming, [cut_off_replies, replies])
        before = [kept.connection for kept in (consuming, cut_off_replies, replies)]
        async with running("looking", looking), cut_off(nodes.leader, cluster):
            await eventually(lambda: has_left(cut_off_replies, before[1]), within_s=LIMIT_S)
            await eventually(lambda: has_left(consuming, before[0]), within_s=LIMIT_S)
        await asyncio.wait_for(consuming.usable(), LIMIT_S)

        assert replies.connection is before[2]


@asynccontextmanager
async def replying(node: Rabbitmq) -> AsyncIterator[KeptConnection[MessageChannel]]:
    """The connection of a task-writer's replies, to this node."""
    replies = Publisher(BusSettings(rabbitmq_url=SecretStr(node.url + ASIDE)), "replies", confirmed=False)
    async with running("replies", replies.connection.keep_open):
        await asyncio.wait_for(replies.connection.usable(), LIMIT_S)
        yield replies.connection


async def has_left(kept: KeptConnection[Any], former: Connection | None) -> bool:
    """Whether the connection is replaced, or about to be."""
    return kept.connection is not former


async def says(consumer: CommandConsumer, reason: str) -> bool:
    return reason in (consumer.connection.component.reason or "")


async def is_at_work() -> bool:
    return bool(REGISTRY.get_sample_value("taskwire_batches_in_progress"))


@asynccontextmanager
async def without_database(node: Rabbitmq) -> AsyncIterator[CommandConsumer]:
    """A consumer at this node that refuses all commands, because PostgreSQL cannot be reached."""
    with closed_port() as nobody:
        url = SecretStr(f"postgresql://nobody@127.0.0.1:{nobody}/nothing")
        settings = WriterSettings(
            writer_database_url=url, rabbitmq_url=SecretStr(node.url + ASIDE), pool_timeout_s=REFUSED_AFTER_S
        )
        outgoing = Outgoing(
            Publisher(settings, "replies", confirmed=False),
            Publisher(settings, "dead letters", confirmed=True, queue=DEAD_LETTERS),
        )
        async with open_database(url, settings) as database:
            consumer = CommandConsumer(settings, database, outgoing, concurrent_batches=1)
            async with (
                running("dead letters", outgoing.dead_letters.connection.keep_open),
                running("replies", outgoing.replies.connection.keep_open),
                running("incoming", consumer.connection.keep_open),
            ):
                await asyncio.wait_for(consumer.connection.usable(), LIMIT_S)
                yield consumer
