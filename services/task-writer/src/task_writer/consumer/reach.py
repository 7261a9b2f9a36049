"""Replaces connections to a node that is cut off from the nodes that have the command queue.

Such a node answers, keeps its connections and tells nobody: what is consumed on it never comes, and what is replied
over it never arrives. It confirms no message for the queue. Where another node had the queue's leader, it sees a queue
without consumers, though this writer consumes it; a former leader goes on to count all that it knew.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aio_pika.exceptions import AMQPError
from common.bus.barrier import reaches_queue
from common.bus.kept_connection import KeptConnection
from common.bus.queue_counts import count_queue
from common.bus.topology import COMMANDS_NAME

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
ANSWER_TIMEOUT_S = 2.0
MISSED_LOOKS = 2  # one may fall into the election of a leader

CUT_OFF = "its node does not reach the leader of the command queue"

type Kept = KeptConnection[Any]


async def keep_looking(consuming: Kept, publishing: Sequence[Kept], others: Sequence[Kept] = ()) -> None:
    """Looks from each of a writer's connections, until the consumer's is retired.

    From those that are `publishing` by a message for the queue, which RabbitMQ has to confirm: an alarm blocks them
    anyway. The consumer's must not be blocked: what is found out of its node by another one counts for it, and so for
    others, and else whether a consumer is seen. A round trip each, and a message where one publishes.
    """
    missed = dict.fromkeys((*publishing, consuming, *others), 0)
    while not consuming.is_retired:
        unconfirmed = await asyncio.gather(*map(_is_unconfirmed, publishing))
        is_missed = dict(zip(publishing, unconfirmed, strict=True))
        silent_nodes = {kept.node for kept in publishing if is_missed[kept]}
        for kept in (consuming, *others):
            is_missed[kept] = kept.node in silent_nodes or await _sees_no_consumer(kept, consuming)
        for kept in missed:
            missed[kept] = missed[kept] + 1 if is_missed[kept] else 0
            if missed[kept] == MISSED_LOOKS:
                missed[kept] = 0
                kept.renew(CUT_OFF)
        await asyncio.sleep(LOOK_EVERY_S)


async def _is_unconfirmed(kept: Kept) -> bool:
    """Whether the queue confirms no message from there. False when that is not known, as while RabbitMQ blocks the
    connection."""
    connection = kept.connection
    if connection is None or await connection.is_blocked():
        return False
    try:
        await reaches_queue(connection, within_s=ANSWER_TIMEOUT_S)
    except TimeoutError:
        return connection is kept.connection and not await connection.is_blocked()
    except (AMQPError, OSError, RuntimeError) as error:
        log.debug("the command queue could not be reached: %r", error)
    return False


async def _sees_no_consumer(kept: Kept, consuming: Kept) -> bool:
    """Whether there is a consumer here, which cannot be seen from there. False when that is not known."""
    used, connection = consuming.current, kept.connection
    if used is None or connection is None or await connection.is_blocked():
        return False
    try:
        counts = await count_queue(connection, COMMANDS_NAME, within_s=ANSWER_TIMEOUT_S)
    except (AMQPError, OSError, RuntimeError) as error:  # TimeoutError is an OSError
        log.debug("the command queue could not be looked at: %r", error)
        return False
    same = used is consuming.current and connection is kept.connection and not consuming.is_retired
    return same and counts is not None and counts.consumers == 0
