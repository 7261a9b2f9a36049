"""The names of the queues and the exchange, and their limits: the only place where one is named. declarations.py has
their arguments."""

COMMANDS_NAME = "tasks.commands"
DEAD_LETTERS_NAME = "tasks.dead-letters"
DEAD_LETTERS_LOCK_NAME = (
    f"{DEAD_LETTERS_NAME}.operator"  # an exclusive queue, held by the operator who works on the dead letters
)
DIRECT_REPLIES_NAME = "amq.rabbitmq.reply-to"  # RabbitMQ's direct reply-to, a pseudo-queue
HINTS_NAME = "tasks.changed"  # an exchange
HINT_QUEUE_PREFIX = f"{HINTS_NAME}.gateway."

PERSISTENT = 2  # AMQP's delivery mode
SAME_PRIORITY = 0  # on every message: since 4.3, quorum queues deliver those without one first. aio_pika sends it too

DELIVERY_LIMIT = 5  # deliveries of one batch before RabbitMQ dead-letters it as poison
COMMANDS_MAX_BATCHES = 10_000  # batches in the queue; beyond this RabbitMQ rejects the publish, and the client gets 503
UNLIMITED_DELIVERIES = 1_000_000_000  # more often than anyone will ever browse a dead letter
HINT_QUEUE_MAX_HINTS = 1_000
