"""Acknowledges messages and replies to them, in an order in which every reply is true."""

from collections.abc import Sequence

from aio_pika.exceptions import DeliveryError
from common.bus.barrier import pass_barrier
from common.bus.publisher import Publisher
from common.contracts.outcomes import Outcome, OutcomeBatch
from common.runtime.time_limits import time_limit
from pamqp.commands import Basic

from task_writer.consumer.delivery import Delivery

ACKNOWLEDGE_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 5.0

MAY_COME_AGAIN = Outcome(status="unknown", reason="The command may be redelivered.")


class NotAcknowledged(Exception):
    """RabbitMQ may redeliver a message whose answer would then be false. It has not been answered."""


async def settle(message: Delivery, outcomes: Sequence[Outcome], replies: Publisher) -> None:
    """Acknowledges and replies; both at once when a redelivery would only find the same outcomes.

    A command that is answered `refused` must never be redelivered and run, so the acknowledgement comes first, and a
    proof that RabbitMQ has it. One that is `expired` has no such need: its deadline has passed for every run (ADR 13).

    Raises NotAcknowledged, TimeoutError, and aio_pika's errors, OSError or RuntimeError when a connection is lost.
    """
    if any(outcome.status == "refused" for outcome in outcomes):
        try:
            await _acknowledge_for_certain(message)
        except DeliveryError:  # the queue is full, or was deleted: nothing is proved
            outcomes = before_acknowledgement(outcomes)
        await reply(message, outcomes, replies)
    else:
        try:
            message.acknowledge()
        finally:
            await reply(message, outcomes, replies)  # may stall when RabbitMQ is out of memory


async def _acknowledge_for_certain(message: Delivery) -> None:
    """Returns once the queue has the acknowledgement, which RabbitMQ does not confirm. Raises DeliveryError when that
    cannot be proved, and NotAcknowledged when RabbitMQ does not answer."""
    try:
        with time_limit(ACKNOWLEDGE_TIMEOUT_S):
            message.acknowledge()
            await pass_barrier(message.came_on.channel)
    except TimeoutError:
        raise NotAcknowledged(f"RabbitMQ did not confirm it within {ACKNOWLEDGE_TIMEOUT_S:.0f} s") from None


async def reply(message: Delivery, outcomes: Sequence[Outcome], replies: Publisher) -> None:
    """Neither persistent, mandatory nor confirmed: if it is lost, the outcome is unknown at the gateway."""
    if not message.reply_to or not outcomes:
        return
    body = OutcomeBatch(outcomes=list(outcomes)).model_dump_json(exclude_defaults=True).encode()
    properties = Basic.Properties(content_type="application/json", correlation_id=message.correlation_id)
    await replies.publish(body, properties, message.reply_to, within_s=REPLY_TIMEOUT_S)


def before_acknowledgement(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes to reply with while the message may be redelivered: unknown for what could then be run."""
    return [MAY_COME_AGAIN if outcome.status == "refused" else outcome for outcome in outcomes]
