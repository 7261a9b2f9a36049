"""The queues and their arguments: the only place where a queue is named.

The arguments hold on RabbitMQ 3.10 to 4.3. A queue's arguments cannot change once it exists: a new set is a new name.
"""

from faststream.rabbit import QueueType, RabbitQueue

COMMANDS_NAME = "tasks.commands"
DEAD_LETTERS_NAME = "tasks.dead-letters"
DEAD_LETTERS_LOCK_NAME = f"{DEAD_LETTERS_NAME}.operator"  # an exclusive queue: who has it works at the dead letters
REPLIES_NAME = "gateway.replies"  # each gateway process adds an id of its own

DELIVERY_LIMIT = 5  # deliveries of one batch before the broker takes it for poison
COMMANDS_MAX_BATCHES = 10_000  # waiting batches; beyond this RabbitMQ refuses the publish, and the client gets 503
LOOKS_WITHOUT_LIMIT = 1_000_000_000  # more than anybody will ever look at a dead letter
REPLY_QUEUE_EXPIRES_MS = 60_000  # RabbitMQ drops the reply queue of a gateway that is gone for this long

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

# Looking at a letter is a delivery, and RabbitMQ drops what was delivered too often. Without a limit of ours, 4.0 and
# later set 20, and 3.10 puts a letter that was looked at behind all others. -1 lifts the limit from 4.0 on, but before
# that it makes the first look the last. A limit that nobody reaches keeps letters, and their order, on all of them.
DEAD_LETTERS = RabbitQueue(
    DEAD_LETTERS_NAME,
    queue_type=QueueType.QUORUM,
    durable=True,
    arguments={"x-delivery-limit": LOOKS_WITHOUT_LIMIT},
)


def reply_queue(name: str) -> RabbitQueue:
    """The queue on which one gateway process hears the answers to its batches; `name` must be unique to the process.

    Classic, durable and auto-delete with an expiry: RabbitMQ 4.3 refuses transient queues that are not exclusive, and
    an exclusive named queue can lock its own owner out after a broken connection.
    """
    return RabbitQueue(
        name,
        queue_type=QueueType.CLASSIC,
        durable=True,
        auto_delete=True,
        arguments={"x-expires": REPLY_QUEUE_EXPIRES_MS},
    )
