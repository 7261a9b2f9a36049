"""Services of the previous release work on today's schema, during and after its migrations."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from local_stack.postgres import Postgres
from psycopg.rows import scalar_row
from task_reader import queries
from task_writer import statements
from task_writer.migrate import migrate

from tests.conftest import Addresses, new_database

from . import frozen_calls


@pytest.fixture
async def empty(postgres: Postgres) -> Addresses:
    """A migrated database of its own: the calls name their ids."""
    own = Addresses.of(await new_database(postgres, f"frozen_{uuid4().hex}"))
    migrate(own.migration_settings())
    return own


def rows(url: str, call: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
        return connection.execute(call.encode()).fetchall()


def values(url: str, call: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True, row_factory=scalar_row) as connection:
        return connection.execute(call.encode()).fetchall()


def test_the_calls_of_the_release_before_do_their_work_on_todays_schema(empty: Addresses) -> None:
    done = rows(empty.writer, frozen_calls.RUN_COMMANDS)
    again = rows(empty.writer, frozen_calls.RUN_COMMANDS_AGAIN)

    (found,) = values(empty.reader, frozen_calls.FIND_TASK)
    assert [status for status, _, _ in done] == frozen_calls.STATUSES
    assert [(status, task) for status, task, _ in again] == [(status, task) for status, task, _ in done]
    assert [bool(recorded) for _, _, recorded in again] == [True, True, True, True, False]
    assert found | frozen_calls.TASK == found == json.loads(done[2][1])
    assert values(empty.reader, frozen_calls.LIST_TASKS) == [[found]]
    assert values(empty.writer, frozen_calls.FORGET_COMMANDS) == [0]
    assert values(empty.writer, frozen_calls.FORGOTTEN_UNTIL) == [float("-inf")]


def test_what_a_writer_of_the_release_before_changes_moves_the_revisions(empty: Addresses) -> None:
    rows(empty.writer, frozen_calls.RUN_COMMANDS)

    again = rows(empty.writer, frozen_calls.RUN_COMMANDS_WITH_REVISIONS.replace("'f'", "'t'"))

    revisions = [revision for *_, revision in again]
    assert revisions[:3] == sorted(set(revisions[:3]))
    assert revisions[3:] == [None, None]


def test_the_reads_of_the_release_before_and_todays_answer_the_same_json(empty: Addresses) -> None:
    revisions = [revision for *_, revision in rows(empty.writer, frozen_calls.RUN_COMMANDS_WITH_REVISIONS)]
    pairs = [
        (frozen_calls.LIST_TASKS, frozen_calls.READ_TASKS),
        (frozen_calls.FIND_TASK, frozen_calls.READ_TASK),
    ]

    for before, today in pairs:
        (json_before,), (answer,) = values(empty.reader, before), values(empty.reader, today)
        revision, _, json_today = answer.partition(" ")
        assert (int(revision), json.loads(json_today)) == (revisions[2], json_before)
    ((changes,), (page,)) = (values(empty.reader, call) for call in (frozen_calls.READ_CHANGES, frozen_calls.LIST_PAGE))
    assert json.loads(changes.partition(" ")[2])["changed"] == values(empty.reader, frozen_calls.LIST_TASKS)[0]
    assert values(empty.reader, frozen_calls.NOT_REACHED) == [None]
    assert values(empty.reader, frozen_calls.READ_EACH_TASK) == [*values(empty.reader, frozen_calls.READ_TASK), None]
    assert page == values(empty.reader, frozen_calls.READ_TASKS)[0].replace(" ", " \n", 1)


def test_what_the_services_send_today_is_frozen() -> None:
    """A call that changes is frozen beside the one before, which stays for one release."""
    head, _, tail = frozen_calls.RUN_COMMANDS_WITH_REVISIONS.partition("run_commands(")

    assert (
        statements.RUN_COMMANDS.strip()
        == head.strip() + " run_commands(%(commands)s, %(batch)s, %(keys)s, %(look_up)s);"
    )
    assert tail.rstrip().endswith(");")
    assert statements.FORGET_COMMANDS.partition("(")[0] == frozen_calls.FORGET_COMMANDS.partition("(")[0]
    assert statements.FORGOTTEN_UNTIL == frozen_calls.FORGOTTEN_UNTIL
    assert frozen_calls.LIST_PAGE.startswith("select " + queries.LIST_PAGE.partition("(")[0])
    assert frozen_calls.READ_TASKS.startswith("select " + queries.READ_TASKS.partition("(")[0])
    assert frozen_calls.READ_TASK.startswith("select " + queries.READ_TASK.partition("(")[0])
    assert frozen_calls.READ_EACH_TASK.startswith(queries.READ_EACH_TASK.partition("(")[0])
    assert frozen_calls.NOT_REACHED.startswith("select " + queries.NOT_REACHED.partition("(")[0])
    assert frozen_calls.READ_CHANGES.startswith("select " + queries.READ_CHANGES.partition("(")[0])
