"""The queues and their arguments: the only place where a queue is named.

The arguments hold on RabbitMQ 3.10 to 4.3. A queue's arguments cannot change once it exists: a new set is a new name.
"""

from faststream.rabbit import QueueType, RabbitQueue

COMMANDS_NAME = "tasks.commands"
DEAD_LETTERS_NAME = "tasks.dead-letters"
DEAD_LETTERS_LOCK_NAME = f"{DEAD_LETTERS_NAME}.operator"  # an exclusive queue: who has it works at the dead letters
DIRECT_REPLIES_NAME = "amq.rabbitmq.reply-to"  # no queue, but RabbitMQ's own way back to the channel of the question

DELIVERY_LIMIT = 5  # deliveries of one batch before the broker takes it for poison
COMMANDS_MAX_BATCHES = 10_000  # waiting batches; beyond this RabbitMQ refuses the publish, and the client gets 503
LOOKS_WITHOUT_LIMIT = 1_000_000_000  # more than anybody will ever look at a dead letter

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
