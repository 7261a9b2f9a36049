"""A batch that fails in the middle: each of its commands is answered only with what is certain."""

import asyncio

from common.postgres.database import Database, open_database
from local_stack.postgres import Postgres
from pydantic import SecretStr

from faults.lines import line_to
from tests.commands import create, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import is_completed, outcomes, titles
from tests.integration.locks import Locks
from tests.waiting import eventually


async def test_commands_whose_connection_breaks_for_good_are_unknown_since_they_may_be_done(
    writer_database: Database, reader_database: Database, addresses: Addresses, postgres: Postgres, locks: Locks
) -> None:
    settings = writer_settings(addresses).model_copy(update={"pool_timeout_s": 0.5})
    task, neighbour = create(), create()
    flip = toggle(task.user_id, task.task_id)
    await outcomes(writer_database, task)

    async with line_to(postgres.port) as line:
        url = SecretStr(addresses.writer.replace(f":{postgres.port}/", f":{line.port}/"))
        async with open_database(url, settings) as cut_off, locks.held(task):
            running = asyncio.create_task(outcomes(cut_off, flip, neighbour))
            await locks.awaited()
            line.refuse()
            answers = await running

    assert [answer.status for answer in answers] == ["unknown", "unknown"]
    await eventually(lambda: is_completed(reader_database, flip))  # the lock is gone, and PostgreSQL goes on
    assert await titles(reader_database, neighbour.user_id) == [neighbour.title]


async def test_a_command_that_expires_while_its_batch_fails_is_not_run(
    addresses: Addresses, reader_database: Database, locks: Locks
) -> None:
    impatient_url = SecretStr(f"{addresses.writer}?options=-c%20statement_timeout%3D1000")
    held = create()

    async with open_database(impatient_url, writer_settings(addresses)) as impatient:
        await outcomes(impatient, held)
        async with locks.held(held):
            late = create(expires_in_s=0.9)  # live when the batch begins, and not when it has failed
            answers = await outcomes(impatient, late, toggle(held.user_id, held.task_id))

    assert [answer.status for answer in answers] == ["expired", "refused"]
    assert await titles(reader_database, late.user_id) == []
