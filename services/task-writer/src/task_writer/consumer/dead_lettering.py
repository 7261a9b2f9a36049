"""Publishes dead letters; the original message stays unacknowledged until they are confirmed."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from aio_pika.exceptions import AMQPError
from common.bus.publisher import Publisher
from common.bus.topology import DEAD_LETTERS_NAME, PERSISTENT, SAME_PRIORITY
from common.runtime.background import backoff
from pamqp.commands import Basic

from task_writer import metrics

log = logging.getLogger(__name__)

STORE_TIMEOUT_S = 10.0
PUBLISH_TIMEOUT_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
MAX_REASON_CHARACTERS = 500


@dataclass(frozen=True)
class NewDeadLetter:
    """The body of a batch that cannot be processed, and the reason."""

    body: bytes
    reason: str
    kind: Literal["malformed", "poison"]


class NotStored(Exception):
    """RabbitMQ did not confirm a dead letter in time: it may or may not be in the queue."""


async def store(publisher: Publisher, dead_letters: Sequence[NewDeadLetter]) -> None:
    """Returns once RabbitMQ has confirmed all of them. Retries with backoff, so that a short loss of the connection
    requeues no message. Raises NotStored after STORE_TIMEOUT_S."""
    for one in dead_letters:
        metrics.DEAD_LETTERS.labels(one.kind).inc()
        log.error("dead letter: %s", one.reason)
    try:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            for one in dead_letters:
                await _store_one(publisher, one)
    except TimeoutError:
        raise NotStored(f"RabbitMQ did not confirm its dead letters in {STORE_TIMEOUT_S:.0f} s") from None


async def _store_one(publisher: Publisher, dead_letter: NewDeadLetter) -> None:
    for pause_s in backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S):
        try:
            await publisher.publish(
                dead_letter.body, _properties(dead_letter), DEAD_LETTERS_NAME, within_s=PUBLISH_TIMEOUT_S
            )
        except (AMQPError, OSError, RuntimeError) as error:  # TimeoutError is an OSError
            log.info("a dead letter could not be stored; trying again: %r", error)
            await asyncio.sleep(pause_s)
        else:
            return


def _properties(dead_letter: NewDeadLetter) -> Basic.Properties:
    return Basic.Properties(
        message_id=uuid4().hex,  # by which the operator's commands know it
        content_type="application/json",
        headers={"x-reason": dead_letter.reason[:MAX_REASON_CHARACTERS]},
        timestamp=datetime.now(UTC),
        delivery_mode=PERSISTENT,
        priority=SAME_PRIORITY,
    )
