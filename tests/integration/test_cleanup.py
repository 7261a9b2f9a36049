"""The clean-up of the command log: what it deletes and shows, and against a PostgreSQL that refuses it, what passes and
what is a failure to count."""

import asyncio
import logging
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
from common.postgres.database import Database, open_database
from local_stack.postgres import Postgres
from prometheus_client import REGISTRY
from psycopg.errors import InsufficientPrivilege, UndefinedFunction
from pydantic import SecretStr
from task_writer.cleanup import RECORDS_PER_STATEMENT, keep_forgetting
from task_writer.migrate import migrate

from tests.conftest import Addresses, new_database, writer_settings
from tests.waiting import eventually

LIMIT_S = 15.0
FUNCTION = "forget_commands(double precision, integer)"


@pytest.fixture
async def own(postgres: Postgres) -> Addresses:
    """A migrated database that no other test uses."""
    addresses = Addresses.of(await new_database(postgres, f"cleanup_{uuid4().hex}"))
    await asyncio.to_thread(migrate, addresses.migration_settings())
    return addresses


@pytest.fixture
async def database(own: Addresses) -> AsyncIterator[Database]:
    async with open_database(SecretStr(own.writer), writer_settings(own)) as opened:
        yield opened


BACKLOG = 2 * RECORDS_PER_STATEMENT + 1
OLD_RECORDS = """
insert into command_log (command_id, user_id, fingerprint, status, recorded_at)
select gen_random_uuid(), gen_random_uuid(), '', 'done', now() - interval '25 hours' + n * interval '1 millisecond'
from generate_series(1, %s) as n
"""
THE_YOUNGEST = "select 1 from command_log order by recorded_at desc limit 1 for update"


def shown(metric: str) -> float:
    return REGISTRY.get_sample_value(metric) or 0.0


def as_owner(addresses: Addresses, statement: str) -> None:
    with psycopg.connect(addresses.owner) as owner:
        owner.execute(statement.encode())


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        (f"revoke execute on function {FUNCTION} from taskwire_writer", InsufficientPrivilege),
        ("revoke delete on command_log from taskwire_writer", InsufficientPrivilege),
        (f"drop function {FUNCTION}", UndefinedFunction),
        ("revoke execute on function empty_old_slot from taskwire_writer", InsufficientPrivilege),
    ],
)
async def test_what_does_not_pass_by_itself_is_a_failure_of_the_task(
    own: Addresses, database: Database, statement: str, refusal: type[Exception]
) -> None:
    as_owner(own, statement)

    with pytest.raises(refusal):
        await asyncio.wait_for(keep_forgetting(database, retention_s=3600, interval_s=0.01), LIMIT_S)


async def test_a_backlog_is_worked_off_at_once_and_shown(
    own: Addresses, postgres: Postgres, database: Database
) -> None:
    past_row_security = postgres.superuser_url.rpartition("/")[0] + "/" + own.owner.rpartition("/")[2]
    before = shown("taskwire_forgotten_commands_total")

    async def is_behind() -> bool:
        return shown("taskwire_cleanup_behind") == 1

    async def is_done() -> bool:
        return shown("taskwire_forgotten_commands_total") == before + BACKLOG

    with psycopg.connect(past_row_security) as superuser:
        superuser.execute(OLD_RECORDS, [BACKLOG])
        superuser.commit()
        superuser.execute(THE_YOUNGEST)  # the last statement of the clean-up waits for it
        cleaning = asyncio.create_task(keep_forgetting(database, retention_s=24 * 3600, interval_s=0.01))
        await eventually(is_behind)
    await eventually(is_done)

    cleaning.cancel()
    await asyncio.wait([cleaning])
    assert not await is_behind()


async def test_a_lock_passes(own: Addresses, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    async def has_met_it() -> bool:
        return "the command log was not cleaned up" in caplog.text

    cleaning = asyncio.create_task(keep_forgetting(database, retention_s=3600, interval_s=0.01))
    with psycopg.connect(own.owner) as busy:
        busy.execute("lock table command_log in access exclusive mode")
        await eventually(has_met_it)

    assert not cleaning.done()
    cleaning.cancel()
    await asyncio.wait([cleaning])
