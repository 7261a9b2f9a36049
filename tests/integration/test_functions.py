"""Every function of the database, whatever it is called, run without row-level security: its own filter has to hold."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.commands import AnyCommand
from common.contracts.reads import Order, Read
from common.postgres.database import Database, open_database
from local_stack.postgres import Postgres
from psycopg import sql
from pydantic import SecretStr
from task_reader.queries import answer_reads
from task_writer.batches import carry_out
from task_writer.migrate import migrate
from task_writer.statements import parameters

from tests.commands import create, delete, envelope, keyed, patch, replace, toggle
from tests.conftest import Addresses, new_database, writer_settings
from tests.reading import body_of

SECRET = "a text of another user"  # noqa: S105 - stands for what nobody else may see

type Admin = psycopg.AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """A database on which nothing is behind row-level security for `admin`; the victim has a task and a record."""

    admin: Admin
    url: str
    attacker: UUID
    victim: UUID
    task_id: UUID
    command_id: UUID


@pytest.fixture
async def case(postgres: Postgres) -> AsyncIterator[Case]:
    own = Addresses.of(await new_database(postgres, f"functions_{uuid4().hex}"))
    migrate(own.migration_settings())
    url = postgres.superuser_url.rpartition("/")[0] + "/" + own.owner.rpartition("/")[2]
    theirs = create(title=SECRET)
    async with opened(own, url) as database:
        await carry_out(database, [theirs])
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
        yield Case(admin, url, uuid4(), theirs.user_id, theirs.task_id, theirs.command_id)


def opened(addresses: Addresses, url: str) -> Any:
    """The database as a service on a superuser's role sees it."""
    settings = writer_settings(addresses).model_copy(update={"allow_rls_bypass": True})
    return open_database(SecretStr(url), settings)


async def functions(admin: Admin) -> list[tuple[str, list[str], list[str]]]:
    """Name, parameters and their types of each function in the schema."""
    found = await admin.execute(
        "select proname, coalesce(proargnames[1:pronargs], '{}'), proargtypes::regtype[]::text[] from pg_proc"
        " where pronamespace = 'public'::regnamespace order by 1"
    )
    return list(await found.fetchall())


def arguments(case: Case) -> dict[str, list[Any]]:
    """What the attacker may give for each parameter: ids of the victim's, under the attacker's own name.

    A new parameter needs a line here.
    """
    of_each_type: list[AnyCommand] = [
        kind(**envelope(case.attacker), task_id=case.task_id, title="mine", changes={"title": "mine"})
        for kind in get_args(AnyCommand.__value__)
    ]
    with_their_key = [keyed(command, case.command_id) for command in of_each_type]
    batches = [[command] for command in (*of_each_type, *with_their_key)]
    return {
        "p_user_id": [case.attacker],
        "p_task_id": [case.task_id],
        "p_known_revision": [None, 0],
        "p_user_ids": [[case.attacker], [case.attacker] * 2],
        "p_task_ids": [None, [case.task_id]],
        "p_known_revisions": [None, [0]],
        "p_since": [0],
        "p_revision": [0, 2**62],
        "p_commands": [parameters(one, batch=case.command_id, look_up=False)["commands"] for one in batches],
        "p_batch": [1],
        "p_keys": [None, [1]],
        "p_look_up": [True, False],
        "p_retention_s": [3600.0],
        "p_limit": [1000],
        "p_slot": [0],
        "p_tick": [0],
        "p_order": list(get_args(Order)),
        "p_is_completed": [None, False],
        "p_created_after": [None, "-infinity"],
        "p_created_before": [None, "infinity"],
        "p_q": [None, SECRET],
        "p_after_key": [None],
        "p_after_id": [None, case.task_id],
    }


def calls(case: Case, name: str, names: list[str], types: list[str]) -> Iterator[tuple[sql.Composed, list[Any]]]:
    given = arguments(case)
    marks = sql.SQL(", ").join(
        sql.SQL("{} => %s::{}").format(sql.Identifier(one), sql.SQL(kind))
        for one, kind in zip(names, types, strict=True)
    )
    for values in product(*(given[one] for one in names)):
        yield sql.SQL("select * from {}({})").format(sql.Identifier(name), marks), list(values)


async def rows_of(admin: Admin, user: UUID) -> list[tuple[Any, ...]]:
    """All that is stored of a user."""
    tasks = await (await admin.execute("select * from tasks where user_id = %s", [user])).fetchall()
    log = await (await admin.execute("select * from command_log where user_id = %s", [user])).fetchall()
    revisions = await (await admin.execute("select * from user_revisions where user_id = %s", [user])).fetchall()
    return [*tasks, *log, *revisions]


async def violations(case: Case) -> set[str]:
    """The functions that show or change what belongs to another user."""
    found = set()
    theirs = await rows_of(case.admin, case.victim)
    for name, names, types in await functions(case.admin):
        for call, values in calls(case, name, names, types):
            said = ""
            try:
                async with case.admin.transaction(force_rollback=True):
                    said = str(await (await case.admin.execute(call, values)).fetchall())
                    said += str(await rows_of(case.admin, case.attacker))
                    if await rows_of(case.admin, case.victim) != theirs:
                        found.add(name)
            except psycopg.Error as error:
                said = str(error)
            if SECRET in said:
                found.add(name)
    return found


async def test_no_function_shows_or_changes_what_belongs_to_another_user(case: Case) -> None:
    assert len(await functions(case.admin)) > 0

    assert await violations(case) == set()


PLANTED = {
    "shows": "returns json language sql as $$ select row_to_json(tasks) from tasks where id = p_task_id $$",
    "deletes": "returns void language sql as $$ delete from tasks where id = p_task_id $$",
    "changes": "returns void language sql as $$ update tasks set is_completed = true where id = p_task_id $$",
    "forgets": "returns void language sql as $$ delete from command_log where user_id <> p_user_id $$",
    "copies": "returns void language sql as $$ insert into tasks (id, title, user_id)"
    " select gen_random_uuid(), title, p_user_id from tasks where id = p_task_id $$",
}


@pytest.mark.parametrize("planted", PLANTED)
async def test_a_function_without_its_filter_is_found(case: Case, planted: str) -> None:
    text = f"create function {planted}(p_user_id uuid, p_task_id uuid) {PLANTED[planted]}"
    await case.admin.execute(text.encode())

    assert await violations(case) == {planted}


async def test_a_function_with_an_unknown_parameter_is_reported(case: Case) -> None:
    await case.admin.execute("create function f(p_anything text) returns void language sql as $$ select 1 $$")

    with pytest.raises(KeyError, match="p_anything"):
        await violations(case)


async def test_the_services_keep_users_apart_without_row_level_security(case: Case, addresses: Addresses) -> None:
    me, theirs = case.attacker, await rows_of(case.admin, case.victim)
    mine = create(me, title="mine")
    attempts = [make(me, case.task_id) for make in (replace, patch, toggle, delete)]

    async with opened(addresses, case.url) as database:
        answered = await carry_out(database, [mine, *attempts])
        listed, found = await reads(database, Read(user_id=me), Read(user_id=me, task_id=case.task_id))

    assert [one.outcome.status for one in answered] == ["done", *["not_found"] * 4]
    assert [task["title"] for task in json.loads(listed or b"")] == ["mine"]
    assert found is None
    assert await rows_of(case.admin, case.victim) == theirs


async def reads(database: Database, *wanted: Read) -> list[bytes | None]:
    answers = await database.run(lambda db: answer_reads(db, wanted))
    return [None if answer is None else body_of(answer) for answer in answers]
