"""The arguments of the queues and the exchange. RabbitMQ cannot change them: a change here needs a new name."""

from common.bus.declarations import COMMANDS, DEAD_LETTERS, HINTS
from faststream.rabbit import RabbitQueue


def declaration(queue: RabbitQueue) -> dict[str, object]:
    """What is sent to RabbitMQ when the queue is declared."""
    return {
        "name": queue.name,
        "durable": queue.durable,
        "auto_delete": queue.auto_delete,
        "exclusive": queue.exclusive,
        "arguments": queue.arguments,
    }


def test_commands_are_replicated_bounded_and_dead_lettered_without_loss() -> None:
    assert declaration(COMMANDS) == {
        "name": "tasks.commands",
        "durable": True,
        "auto_delete": False,
        "exclusive": False,
        "arguments": {
            "x-queue-type": "quorum",
            "x-delivery-limit": 5,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "tasks.dead-letters",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-max-length": 10_000,
        },
    }


def test_dead_letters_are_replicated_and_kept_however_often_they_are_looked_at() -> None:
    assert declaration(DEAD_LETTERS) == {
        "name": "tasks.dead-letters",
        "durable": True,
        "auto_delete": False,
        "exclusive": False,
        "arguments": {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000},
    }


def test_hints_go_to_whoever_listens() -> None:
    assert (HINTS.name, HINTS.type.value, HINTS.durable, HINTS.auto_delete, HINTS.arguments) == (
        "tasks.changed",
        "fanout",
        True,
        False,
        None,
    )
