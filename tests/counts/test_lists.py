"""What a request with many operations costs: one message, and a round trip to PostgreSQL for each 128 operations."""

import json
from uuid import uuid4

import pytest
from local_stack.rabbitmq import Rabbitmq

from tests.conftest import Addresses
from tests.counts import costs
from tests.counts.counted_writes import CountedWrites, counted_writes
from tests.counts.gateway_client import GATEWAY

JSON = {"Content-Type": "application/json"}
MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # RabbitMQ's default limit since 4.0


async def sent(addresses: Addresses, rabbitmq: Rabbitmq, size: int, headers: dict[str, str]) -> CountedWrites:
    operations = [{"op": "create", "title": "Buy milk"}] * size
    async with counted_writes(addresses, rabbitmq) as system:
        answer = await system.gateway.post(
            f"{GATEWAY}/api/{uuid4()}/batch", json={"operations": operations}, headers=headers
        )
        assert [one["status"] for one in answer.json()["results"]] == [201] * size
    return system


@pytest.mark.parametrize("keyed", [False, True], ids=["without a key", "with a key"])
@pytest.mark.parametrize("size", [1, 16, 1_000])
async def test_a_request_with_many_operations_is_one_message_and_few_round_trips(
    addresses: Addresses, rabbitmq: Rabbitmq, size: int, keyed: bool
) -> None:
    headers = {"Idempotency-Key": str(uuid4())} if keyed else {}

    traffic = (await sent(addresses, rabbitmq, size, headers)).traffic

    assert traffic.sql == costs.batch(size)
    assert traffic.gateway.sent.frames["publish"] == traffic.gateway.received.frames["deliver"] == 1
    assert traffic.writer.received.frames["deliver"] == 1
    assert traffic.writer.sent.frames["publish"] == costs.WRITER_SENDS["publish"]


async def test_the_largest_reply_fits_into_a_message(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    """A control character takes one byte in a body, 6 in the JSON of a task, and 7 in that of an outcome."""
    user, count = uuid4(), 1_000
    async with counted_writes(addresses, rabbitmq) as system:
        largest = {"op": "create", "title": "\u0001" * 254 + "x", "description": "\u0001" * 2_000}
        made: list[str] = []
        while len(made) < count:
            body = json.dumps({"operations": [largest] * 75}, ensure_ascii=True)
            answer = await system.gateway.post(f"{GATEWAY}/api/{user}/batch", content=body, headers=JSON)
            made += [one["task"]["id"] for one in answer.json()["results"]]

        operations = [{"op": "complete", "id": task_id} for task_id in made[:count]]
        before = system.traffic.gateway.received.body_bytes
        answer = await system.gateway.post(f"{GATEWAY}/api/{user}/batch", json={"operations": operations})

    assert [one["status"] for one in answer.json()["results"]] == [200] * count
    reply_bytes = system.traffic.gateway.received.body_bytes - before
    assert MAX_MESSAGE_BYTES * 0.9 < reply_bytes < MAX_MESSAGE_BYTES
