"""Acknowledges messages and replies to them, in an order in which every reply is true."""

from collections.abc import Sequence

from aio_pika import Message
from common.bus.publisher import Publisher
from common.bus.topology import COMMANDS_NAME
from common.contracts.outcomes import Outcome, OutcomeBatch
from common.runtime import eager_tasks
from common.runtime.time_limits import time_limit
from faststream.rabbit import RabbitMessage

ACKNOWLEDGE_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 5.0

CERTAINLY_NOT_DONE = frozenset({"refused", "expired"})
MAY_COME_AGAIN = Outcome(status="unknown", reason="The command may be redelivered.")


async def settle(message: RabbitMessage, outcomes: Sequence[Outcome], replies: Publisher) -> None:
    """Acknowledges and replies; both at once when a redelivery would only find recorded outcomes.

    A command that is answered `refused` or `expired` must never be redelivered and run. RabbitMQ does not confirm an
    acknowledgement, so a round trip on the same channel follows it before the reply: a channel is processed in order.
    Raises TimeoutError, and aio_pika's errors, OSError or RuntimeError when a connection is lost.
    """
    if any(outcome.status in CERTAINLY_NOT_DONE for outcome in outcomes):
        with time_limit(ACKNOWLEDGE_TIMEOUT_S):
            await message.ack()
            await message.raw_message.channel.queue_declare(COMMANDS_NAME, passive=True)
        await reply(message, outcomes, replies)
    else:
        replying = eager_tasks.start(reply(message, outcomes, replies))  # may stall when RabbitMQ is out of memory
        try:
            await acknowledge(message)
        finally:
            await replying


async def acknowledge(message: RabbitMessage) -> None:
    """Raises TimeoutError, and aio_pika's errors, OSError or RuntimeError when the connection is lost."""
    with time_limit(ACKNOWLEDGE_TIMEOUT_S):
        await message.ack()


async def reply(message: RabbitMessage, outcomes: Sequence[Outcome], replies: Publisher) -> None:
    """Neither persistent, mandatory nor confirmed: if it is lost, the outcome is unknown at the gateway."""
    if not message.reply_to or not outcomes:
        return
    answer = Message(
        OutcomeBatch(outcomes=list(outcomes)).model_dump_json(exclude_defaults=True).encode(),
        correlation_id=message.correlation_id,
        content_type="application/json",
    )
    await replies.publish(answer, message.reply_to, within_s=REPLY_TIMEOUT_S)


def before_acknowledgement(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes to reply with while the message may be redelivered: recorded ones, and otherwise unknown."""
    return [MAY_COME_AGAIN if outcome.status in CERTAINLY_NOT_DONE else outcome for outcome in outcomes]
