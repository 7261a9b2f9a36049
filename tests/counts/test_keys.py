"""What keys cost: a few bytes, and no round trip."""

from collections.abc import Sequence
from uuid import uuid4

import httpx
import pytest
from local_stack.rabbitmq import Rabbitmq

from tests.commands import create, keyed
from tests.conftest import Addresses
from tests.counts import costs
from tests.counts.conftest import SIZES, TaskMaker
from tests.counts.counted_writes import CountedWrites, counted_writes
from tests.counts.gateway_client import ask_at_once, creates
from tests.counts.test_redelivery import cost_of


@pytest.mark.parametrize(("size", "keys"), [(1, 1), (16, 1), (16, 16), (128, 1), (128, 128)])
async def test_a_batch_with_new_keys_is_one_round_trip(addresses: Addresses, size: int, keys: int) -> None:
    commands = [create() for _ in range(size - keys)] + [keyed(create()) for _ in range(keys)]

    cost = await cost_of(addresses, commands, redelivered=False)

    assert cost == costs.batch(len(commands))


@pytest.mark.parametrize("size", SIZES)
async def test_a_batch_of_recorded_keys_is_one_round_trip(
    addresses: Addresses, make_tasks: TaskMaker, size: int
) -> None:
    recorded = [keyed(command) for command in await make_tasks(size)]

    cost = await cost_of(addresses, recorded, redelivered=False)

    assert cost == costs.batch(size)


@pytest.mark.parametrize("size", SIZES)
async def test_a_redelivered_batch_with_keys_costs_what_it_costs_without(addresses: Addresses, size: int) -> None:
    new = [keyed(create()) for _ in range(size)]

    cost = await cost_of(addresses, new, redelivered=True)

    assert cost == costs.batch(size)


@pytest.mark.parametrize("size", [2, 16, 128])
async def test_a_key_that_is_twice_in_a_batch_costs_nothing_more(addresses: Addresses, size: int) -> None:
    first = keyed(create())
    batch = [*(create() for _ in range(size - 2)), first, first]

    cost = await cost_of(addresses, batch, redelivered=False)

    assert cost == costs.batch(size)


def with_keys(requests: Sequence[httpx.Request]) -> list[httpx.Request]:
    """The requests, each with a key of its own."""
    for request in requests:
        request.headers["Idempotency-Key"] = str(uuid4())
    return list(requests)


async def sent_twice(addresses: Addresses, rabbitmq: Rabbitmq, requests: Sequence[httpx.Request]) -> CountedWrites:
    async with counted_writes(addresses, rabbitmq) as system:
        for _ in range(2):
            await ask_at_once(system.gateway, requests)
    return system


@pytest.mark.parametrize("size", SIZES)
async def test_requests_with_keys_cost_one_round_trip_and_when_sent_again_too(
    addresses: Addresses, rabbitmq: Rabbitmq, size: int
) -> None:
    system = await sent_twice(addresses, rabbitmq, with_keys(creates(size)))

    assert system.traffic.sql == costs.batch(size) + costs.batch(size)


@pytest.mark.parametrize("size", SIZES)
async def test_a_command_with_a_key_and_its_replay_are_a_few_bytes_longer(
    addresses: Addresses, rabbitmq: Rabbitmq, size: int
) -> None:
    system = await sent_twice(addresses, rabbitmq, with_keys(creates(size)))

    each = costs.BATCH_BYTES + size * (costs.CREATE_BYTES + costs.KEYED_BYTES)
    outcomes = costs.BATCH_BYTES + size * costs.OUTCOME_MAX_BYTES
    assert system.traffic.gateway.sent.body_bytes == 2 * each
    assert system.traffic.gateway.received.body_bytes <= 2 * outcomes + size * costs.REPLAYED_BYTES


async def test_a_replayed_creation_is_parsed_for_the_id_of_its_task(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    system = await sent_twice(addresses, rabbitmq, with_keys(creates(1)))

    body = reply = task = 1
    assert system.parses["gateway"] == 2 * (body + reply) + task
