"""What writes cost in SQL and in parsed JSON."""

from collections import Counter
from collections.abc import Mapping

import pytest
from local_stack.rabbitmq import Rabbitmq

from tests.conftest import Addresses
from tests.counts import costs
from tests.counts.conftest import SIZES
from tests.counts.counted_writes import CountedWrites, counted_writes
from tests.counts.gateway_client import ask_at_once, creates


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_of_commands_is_one_round_trip_and_one_statement(
    mixed_writes: Mapping[int, CountedWrites], size: int
) -> None:
    assert mixed_writes[size].traffic.sql == costs.batch(size)


async def test_batches_over_kept_connections_cost_no_more_than_the_first(
    addresses: Addresses, rabbitmq: Rabbitmq
) -> None:
    async with counted_writes(addresses, rabbitmq) as system:
        for _ in range(3):
            await ask_at_once(system.gateway, creates(8))

    assert system.traffic.sql == costs.batch(8) + costs.batch(8) + costs.batch(8)


@pytest.mark.parametrize("size", SIZES)
def test_json_of_writes_is_parsed_once_a_body_and_once_a_message(
    mixed_writes: Mapping[int, CountedWrites], size: int
) -> None:
    bodies = size - size // 4  # a delete has none
    reply = message = 1

    assert mixed_writes[size].parses == Counter(gateway=bodies + reply, task_writer=message)


def test_a_task_writer_asks_four_questions_when_it_starts(create_writes: Mapping[int, CountedWrites]) -> None:
    assert create_writes[1].at_start.sql == costs.WRITER_START + costs.batch(1)
