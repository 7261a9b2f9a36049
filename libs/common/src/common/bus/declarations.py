"""The queues and the exchange as they are declared, with their arguments, for FastStream.

Only who declares them imports this: with FastStream come 200 modules, which were a tenth of the gateway's start.

The arguments hold on RabbitMQ 3.10 to 4.3. They cannot change once it exists: a new set is a new name.
"""

from faststream.rabbit import ExchangeType, QueueType, RabbitExchange, RabbitQueue

from common.bus.topology import (
    COMMANDS_MAX_BATCHES,
    COMMANDS_NAME,
    DEAD_LETTERS_NAME,
    DELIVERY_LIMIT,
    HINTS_NAME,
    UNLIMITED_DELIVERIES,
)

COMMANDS = RabbitQueue(
    COMMANDS_NAME,
    queue_type=QueueType.QUORUM,
    durable=True,
    arguments={
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_LETTERS_NAME,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-max-length": COMMANDS_MAX_BATCHES,
    },
)

# Browsing a dead letter is a delivery, and RabbitMQ drops a message at its delivery limit. Without an explicit limit,
# 4.0 and later apply 20, and 3.10 requeues browsed messages behind all others. -1 means unlimited from 4.0 on, but
# before that it drops a message at its first redelivery. A limit out of reach keeps messages and their order
# everywhere.
DEAD_LETTERS = RabbitQueue(
    DEAD_LETTERS_NAME,
    queue_type=QueueType.QUORUM,
    durable=True,
    arguments={"x-delivery-limit": UNLIMITED_DELIVERIES},
)

# Not persistent, mandatory or confirmed: what nobody listens to is dropped, and a lost hint costs time alone (ADR 24).
# A gateway binds a queue of its own, as long as it is connected; of more hints than it takes, the oldest are dropped.
HINTS = RabbitExchange(HINTS_NAME, type=ExchangeType.FANOUT, durable=True)
