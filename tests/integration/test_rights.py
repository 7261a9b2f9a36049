"""All rights of each role, from PostgreSQL's catalog: no role has any that is not listed here."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from common.postgres.database import Database
from local_stack.postgres import Postgres
from psycopg.errors import InsufficientPrivilege
from task_writer.batches import carry_out
from task_writer.migrate import migrate

from tests.commands import create
from tests.conftest import Addresses, new_database

ALL_RIGHTS = """
with role (name) as (values ('taskwire_writer'), ('taskwire_reader'), ('public')),
relation as (
  select pg_class.oid, nspname || '.' || relname as name, relkind from pg_class join pg_namespace on relnamespace = pg_namespace.oid
  where nspname !~ '^pg_' and nspname <> 'information_schema' and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
)
select role.name, 'table ' || relation.name, privilege from role, relation, unnest(
  array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as privilege
where relkind <> 'S' and has_table_privilege(role.name, relation.oid, privilege)
union all select role.name, 'column ' || relation.name || '.' || attname, privilege from role, relation
join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped, unnest(
  array['select', 'insert', 'update', 'references']) as privilege
where relkind <> 'S' and has_column_privilege(role.name, relation.oid, attnum, privilege)
  and not has_table_privilege(role.name, relation.oid, privilege)
union all select role.name, 'sequence ' || relation.name, privilege from role, relation, unnest(
  array['usage', 'select', 'update']) as privilege
where relkind = 'S' and has_sequence_privilege(role.name, relation.oid, privilege)
union all select role.name, 'function ' || pg_proc.oid::regprocedure, 'execute' from role, pg_proc
join pg_namespace on pronamespace = pg_namespace.oid
where nspname !~ '^pg_' and nspname <> 'information_schema' and has_function_privilege(role.name, pg_proc.oid, 'execute')
union all select role.name, 'schema ' || nspname, privilege from role, pg_namespace, unnest(array['usage', 'create']) as privilege
where nspname !~ '^pg_' and nspname <> 'information_schema' and has_schema_privilege(role.name, pg_namespace.oid, privilege)
union all select role.name, 'database', privilege from role, unnest(array['connect', 'create', 'temporary']) as privilege
where has_database_privilege(role.name, current_database(), privilege)
union all select 'default', defaclobjtype::text, defaclacl::text from pg_default_acl
"""  # noqa: E501
RUN_COMMANDS = "function run_commands(json,bigint,bigint[],boolean)"
LIST_PAGE = (
    "function list_page(uuid,text,integer,boolean,timestamp with time zone,timestamp with time zone,text,"
    "text,uuid,bigint)"
)
EXPECTED = {
    ("taskwire_writer", "table public.tasks", "select"),
    ("taskwire_writer", "table public.tasks", "insert"),
    ("taskwire_writer", "table public.tasks", "update"),
    ("taskwire_writer", "table public.tasks", "delete"),
    ("taskwire_writer", "table public.command_log", "select"),
    ("taskwire_writer", "table public.command_log", "insert"),
    ("taskwire_writer", "table public.command_log", "delete"),
    *(
        ("taskwire_writer", f"table public.command_log_{slot}", right)
        for slot in range(4)
        for right in ("select", "insert", "delete")
    ),
    ("taskwire_writer", "table public.user_revisions", "select"),
    ("taskwire_writer", "table public.user_revisions", "insert"),
    ("taskwire_writer", "table public.user_revisions", "update"),
    ("taskwire_writer", "table public.command_log_state", "select"),
    ("taskwire_writer", "table public.command_log_state", "update"),
    ("taskwire_writer", RUN_COMMANDS, "execute"),
    ("taskwire_writer", "function forget_commands(double precision,integer)", "execute"),
    ("taskwire_writer", "function empty_old_slot(double precision)", "execute"),
    ("taskwire_writer", "schema public", "usage"),
    ("taskwire_writer", "database", "connect"),
    ("taskwire_reader", "table public.tasks", "select"),
    ("taskwire_reader", "table public.user_revisions", "select"),
    ("taskwire_reader", "column public.command_log.user_id", "select"),
    ("taskwire_reader", "column public.command_log.revision", "select"),
    ("taskwire_reader", "column public.command_log.previous", "select"),
    ("taskwire_reader", "column public.command_log.task_id", "select"),
    ("taskwire_reader", "function read_changes(uuid,bigint,bigint)", "execute"),
    ("taskwire_reader", "function read_each_task(uuid[],uuid[],bigint[])", "execute"),
    ("taskwire_reader", "function read_task(uuid,uuid,bigint)", "execute"),
    ("taskwire_reader", "function not_reached(uuid,bigint)", "execute"),
    ("taskwire_reader", "function read_tasks(uuid,bigint)", "execute"),
    ("taskwire_reader", "function find_task(uuid,uuid)", "execute"),
    ("taskwire_reader", "function list_tasks(uuid)", "execute"),
    ("taskwire_reader", LIST_PAGE, "execute"),
    ("taskwire_reader", "schema public", "usage"),
    ("taskwire_reader", "database", "connect"),
    ("public", "schema public", "usage"),
    ("public", "database", "connect"),
}


@pytest.fixture
async def own(postgres: Postgres) -> Addresses:
    """A migrated database whose rights a test may change."""
    addresses = Addresses.of(await new_database(postgres, f"rights_{uuid4().hex}"))
    migrate(addresses.migration_settings())
    return addresses


def rights(addresses: Addresses) -> set[tuple[str, str, str]]:
    with psycopg.connect(addresses.owner) as connection:
        return set(connection.execute(ALL_RIGHTS.encode()).fetchall())


def test_each_role_may_do_what_it_needs_and_nothing_else(own: Addresses) -> None:
    assert rights(own) == EXPECTED


@pytest.mark.parametrize(
    "planted",
    [
        "create table extra (id int); grant select on extra to public",
        "grant update (title) on tasks to taskwire_reader",
        "grant select (task) on command_log to taskwire_reader",
        "create function extra() returns int language sql as 'select 1'",
        "create sequence extra; grant usage on extra to taskwire_writer",
        "grant temporary on database {database} to public",
        "grant create on schema public to taskwire_writer",
        "create schema extra; grant usage on schema extra to taskwire_reader",
        "alter default privileges grant select on tables to taskwire_reader",
    ],
)
def test_one_right_more_is_found(own: Addresses, planted: str) -> None:
    with psycopg.connect(own.owner) as owner:
        owner.execute(planted.format(database=own.owner.rpartition("/")[2]).encode())

    assert rights(own) != EXPECTED


def test_every_function_has_a_search_path_that_nobody_can_come_before(own: Addresses) -> None:
    with psycopg.connect(own.owner) as owner:
        settings = owner.execute("select proconfig from pg_proc where pronamespace = 'public'::regnamespace").fetchall()

    assert settings
    for (of_one,) in settings:
        assert "search_path=pg_catalog, public, pg_temp" in of_one


SHADOWS = [
    "create temporary table tasks (id uuid, title text, description text, is_completed boolean, created_at timestamptz,"
    " user_id uuid)",
    "create temporary table uuid (id int)",
    "create temporary table text (id int)",
]


@pytest.fixture
def careless(own: Addresses) -> Iterator[psycopg.Connection]:
    """A reader in a database where everybody may make temporary tables, as PostgreSQL has it by itself."""
    with psycopg.connect(own.owner, autocommit=True) as owner:
        owner.execute(f"grant temporary on database {own.owner.rpartition('/')[2]} to public".encode())
    with psycopg.connect(own.reader, autocommit=True) as reader:
        yield reader


def test_a_temporary_table_stands_before_no_table_of_a_function(careless: psycopg.Connection) -> None:
    user = uuid4()
    for shadow in SHADOWS:
        careless.execute(shadow.encode())
    careless.execute("insert into pg_temp.tasks values (%s, 'forged', null, true, now(), %s)", [user, user])

    assert careless.execute("select title from tasks").fetchall() == [("forged",)], "the attack itself works"
    assert careless.execute("select list_tasks(%s)", [user]).fetchall() == [([],)]
    assert careless.execute("select find_task(%s, %s)", [user, user]).fetchall() == [(None,)]


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_no_service_can_make_a_temporary_table(addresses: Addresses, role: str) -> None:
    with psycopg.connect(getattr(addresses, role)) as service, pytest.raises(InsufficientPrivilege):
        service.execute(SHADOWS[0].encode())


async def test_what_a_function_names_ends_with_its_transaction(writer_database: Database, addresses: Addresses) -> None:
    await carry_out(writer_database, [create()])
    user = UUID(int=1)

    with psycopg.connect(addresses.reader, autocommit=True) as reader:
        reader.execute("select list_tasks(%s)", [user])
        named = reader.execute("select current_setting('app.user_id', true), current_setting('search_path')").fetchall()

    assert named == [("", '"$user", public')]
