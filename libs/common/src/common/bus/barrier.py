"""A message that proves what RabbitMQ confirms nowhere else: that the command queue's leader, with a majority of its
nodes, has all that the same channel sent for the queue before, such as an acknowledgement (ADR 27).

A passive declare proves nothing: RabbitMQ answers it also while the leader is frozen or unreachable.
"""

from contextlib import suppress
from uuid import UUID

from aio_pika.exceptions import DeliveryError
from aiormq.abc import AbstractChannel
from pamqp.commands import Basic

from common.bus.broker import Connection
from common.bus.look_channel import look_channel
from common.bus.topology import COMMANDS_NAME, PERSISTENT, SAME_PRIORITY
from common.contracts.commands import CommandBatch, DeleteTask

BARRIER = "barrier"
"""The type of the message, by which task-writers know that there is nothing to do."""

_NOBODY = UUID(int=0)

# An expired command, in which task-writers of earlier releases find nothing to do either.
BODY = (
    CommandBatch(commands=[DeleteTask(command_id=_NOBODY, user_id=_NOBODY, task_id=_NOBODY, deadline_unix_ms=0)])
    .model_dump_json()
    .encode()
)


async def pass_barrier(channel: AbstractChannel) -> None:
    """Returns once the command queue has all that was sent to it on this channel, which must have publisher confirms.

    RabbitMQ keeps the order of a channel for each queue, also when it sends again to a new leader, and confirms a
    message when a majority has it. Raises DeliveryError when there is no such queue or it is full: that proves that
    RabbitMQ answers, and nothing else. Without a majority there is no answer: the caller sets the time limit.
    """
    properties = Basic.Properties(
        delivery_mode=PERSISTENT, priority=SAME_PRIORITY, message_type=BARRIER, content_type="application/json"
    )
    await channel.basic_publish(BODY, routing_key=COMMANDS_NAME, properties=properties, mandatory=True)


async def reaches_queue(connection: Connection, *, within_s: float) -> None:
    """Returns once the command queue has a message from this connection's channel for looks: one round trip.

    Raises TimeoutError without an answer, as from a node that does not reach a majority of the queue's nodes, and the
    other errors of `look_channel`. That there is no queue, or that it is full, is an answer.
    """
    async with look_channel(connection, within_s=within_s) as channel:
        with suppress(DeliveryError):
            await pass_barrier(channel)
