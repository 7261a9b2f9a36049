"""RabbitMQ: its queues, and connections to it."""
