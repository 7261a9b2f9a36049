"""What writes cost on the bus."""

from collections.abc import Mapping

import pytest

from tests.counts import costs
from tests.counts.conftest import SIZES
from tests.counts.counted_writes import CountedWrites


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_leaves_the_gateway_as_one_confirmed_message_and_one_reply_comes_back(
    mixed_writes: Mapping[int, CountedWrites], size: int
) -> None:
    gateway = mixed_writes[size].traffic.gateway

    assert gateway.sent.frames == costs.GATEWAY_SENDS
    assert gateway.received.frames == costs.GATEWAY_RECEIVES


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_reaches_the_task_writer_once_and_costs_an_acknowledgement_an_unconfirmed_reply_and_a_hint(
    mixed_writes: Mapping[int, CountedWrites], size: int
) -> None:
    writer = mixed_writes[size].traffic.writer

    assert writer.received.frames == costs.WRITER_RECEIVES
    assert writer.sent.frames == costs.WRITER_SENDS


@pytest.mark.parametrize("size", SIZES)
def test_a_create_of_8_characters_is_297_bytes_of_its_message_and_249_of_the_reply(
    create_writes: Mapping[int, CountedWrites], size: int
) -> None:
    traffic = create_writes[size].traffic

    assert traffic.gateway.sent.body_bytes == costs.BATCH_BYTES + costs.CREATE_BYTES * size
    assert traffic.writer.sent.body_bytes - hint_bytes(size) <= costs.BATCH_BYTES + costs.OUTCOME_MAX_BYTES * size


@pytest.mark.parametrize("size", SIZES)
def test_bodies_pass_the_bus_as_they_are(create_writes: Mapping[int, CountedWrites], size: int) -> None:
    traffic = create_writes[size].traffic

    assert traffic.writer.received.body_bytes == traffic.gateway.sent.body_bytes
    assert traffic.gateway.received.body_bytes == traffic.writer.sent.body_bytes - hint_bytes(size)


@pytest.mark.parametrize("size", SIZES)
def test_the_overhead_of_a_batch_does_not_grow_with_it(create_writes: Mapping[int, CountedWrites], size: int) -> None:
    gateway, writer = create_writes[size].traffic.gateway, create_writes[size].traffic.writer

    overhead_bytes = sum(
        way.frame_bytes - way.body_bytes for way in (gateway.sent, gateway.received, writer.sent, writer.received)
    )

    assert overhead_bytes - costs.HINT_OVERHEAD_BYTES <= costs.OVERHEAD_MAX_BYTES


def hint_bytes(users: int) -> int:
    return costs.HINT_BYTES + costs.HINT_USER_BYTES * users
