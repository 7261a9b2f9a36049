"""What a batch costs in SQL that is not carried out at once: redelivered, or spoiled by one of its commands."""

from collections.abc import Sequence

import pytest
from common.contracts.commands import CreateTask
from common.postgres.database import open_database
from pydantic import SecretStr
from task_writer.batches import carry_out

from tests.commands import create
from tests.conftest import Addresses, writer_settings
from tests.counts import costs
from tests.counts.conftest import SIZES, TaskMaker
from tests.counts.line import PATIENCE_S, line_to
from tests.counts.sql_traffic import SqlTraffic, sql_traffic


@pytest.mark.parametrize("size", SIZES)
async def test_a_redelivered_batch_that_was_carried_out_is_one_round_trip(
    addresses: Addresses, make_tasks: TaskMaker, size: int
) -> None:
    carried_out = await make_tasks(size)

    cost = await cost_of(addresses, carried_out, redelivered=True)

    assert cost == costs.batch(size)


@pytest.mark.parametrize("size", SIZES)
async def test_a_redelivered_batch_that_was_not_carried_out_is_one_round_trip(addresses: Addresses, size: int) -> None:
    new = [create() for _ in range(size)]

    cost = await cost_of(addresses, new, redelivered=True)

    assert cost == costs.batch(size)


@pytest.mark.parametrize("size", SIZES)
async def test_a_batch_with_one_poison_is_a_round_trip_a_command_and_one_more(
    addresses: Addresses, make_tasks: TaskMaker, size: int
) -> None:
    (taken,) = await make_tasks(1)
    poison = create(taken.user_id, task_id=taken.task_id)

    cost = await cost_of(addresses, [*(create() for _ in range(size - 1)), poison], redelivered=False)

    assert cost == costs.spoiled(size)


async def cost_of(addresses: Addresses, commands: Sequence[CreateTask], *, redelivered: bool) -> SqlTraffic:
    """Of one batch, once the bus has delivered it. The check of the role is left out: it would run meanwhile."""
    async with line_to(addresses.writer) as line:
        settings = writer_settings(addresses).model_copy(
            update={"pool_size": 1, "pool_timeout_s": PATIENCE_S, "allow_rls_bypass": True}
        )
        async with open_database(SecretStr(line.address(addresses.writer)), settings) as database:
            await carry_out(database, [create()])
            before = sql_traffic(line)
            await carry_out(database, commands, redelivered=redelivered)
    return sql_traffic(line) - before
