"""Replaces connections to a node that is cut off from the leader of the command queue.

Such a node answers, keeps its connections and tells nobody: what is consumed on it never comes, and what is replied
over it never arrives. It sees a queue without consumers, though this writer consumes it.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aio_pika.exceptions import AMQPError
from common.bus.kept_connection import KeptConnection
from common.bus.queue_counts import count_queue
from common.bus.topology import COMMANDS_NAME

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
ANSWER_TIMEOUT_S = 2.0
MISSED_LOOKS = 2  # one may fall into the election of a leader

CUT_OFF = "its node does not reach the leader of the command queue"


async def keep_looking(consuming: KeptConnection[Any], connections: Sequence[KeptConnection[Any]]) -> None:
    """Looks from each of a writer's connections, until the consumer's is retired: three round trips each time."""
    missed = dict.fromkeys(connections, 0)
    while not consuming.is_retired:
        for kept in missed:
            missed[kept] = missed[kept] + 1 if await _sees_no_consumer(kept, consuming) else 0
            if missed[kept] == MISSED_LOOKS:
                missed[kept] = 0
                kept.renew(CUT_OFF)
        await asyncio.sleep(LOOK_EVERY_S)


async def _sees_no_consumer(kept: KeptConnection[Any], consuming: KeptConnection[Any]) -> bool:
    """Whether there is a consumer here, which cannot be seen from there. False when that is not known, as while
    RabbitMQ blocks the connection."""
    used, connection = consuming.current, kept.connection
    if used is None or connection is None:
        return False
    try:
        counts = await count_queue(connection, COMMANDS_NAME, within_s=ANSWER_TIMEOUT_S)
    except (AMQPError, OSError, RuntimeError) as error:  # TimeoutError is an OSError
        log.debug("the command queue could not be looked at: %r", error)
        return False
    same = used is consuming.current and connection is kept.connection and not consuming.is_retired
    return same and counts is not None and counts.consumers == 0
