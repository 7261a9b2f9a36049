"""The queues, the exchange and their arguments: the only place where one is named.

The arguments hold on RabbitMQ 3.10 to 4.3. They cannot change once it exists: a new set is a new name.
"""

from faststream.rabbit import ExchangeType, QueueType, RabbitExchange, RabbitQueue

COMMANDS_NAME = "tasks.commands"
DEAD_LETTERS_NAME = "tasks.dead-letters"
DEAD_LETTERS_LOCK_NAME = (
    f"{DEAD_LETTERS_NAME}.operator"  # an exclusive queue, held by the operator who works on the dead letters
)
DIRECT_REPLIES_NAME = "amq.rabbitmq.reply-to"  # RabbitMQ's direct reply-to, a pseudo-queue
HINTS_NAME = "tasks.changed"  # an exchange

PERSISTENT = 2  # AMQP's delivery mode
SAME_PRIORITY = 0  # on every message: since 4.3, quorum queues deliver those without one first. aio_pika sends it too

DELIVERY_LIMIT = 5  # deliveries of one batch before RabbitMQ dead-letters it as poison
COMMANDS_MAX_BATCHES = 10_000  # batches in the queue; beyond this RabbitMQ rejects the publish, and the client gets 503
UNLIMITED_DELIVERIES = 1_000_000_000  # more often than anyone will ever browse a dead letter

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
HINT_QUEUE_PREFIX = f"{HINTS_NAME}.gateway."
HINT_QUEUE_MAX_HINTS = 1_000
