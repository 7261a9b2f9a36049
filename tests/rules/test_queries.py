"""The checks of where SQL stands find what is planted."""

import pytest

from . import queries
from .sources import Source

HOME = "services/task-reader/src/task_reader/queries.py"
ELSEWHERE = "services/task-reader/src/task_reader/routes.py"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('ALL = "select id from tasks"', "ALL"),
        ('def f():\n    return "select id from tasks"', "line 2"),
        ('ALL = "set local app.user_id = %(user_id)s; select id from tasks where id = 1"', "ALL"),
    ],
)
def test_a_bad_constant_is_found_by_its_name(text: str, name: str) -> None:
    assert list(queries.unbound(Source(HOME, text))) == [name]


def test_a_sound_constant_passes() -> None:
    text = 'ALL = "set local app.user_id = %(user_id)s; select id from tasks where user_id = %(user_id)s"'

    assert queries.unbound(Source(HOME, text)) == {}


@pytest.mark.parametrize(
    "text", ['X = "delete from tasks"', 'f("SELECT id\\nFROM command_log")', 'f(f"update tasks {x}")']
)
def test_sql_outside_of_its_homes_is_found(text: str) -> None:
    assert len(queries.astray(Source(ELSEWHERE, text))) == 1


@pytest.mark.parametrize("text", ['"""Selects tasks."""', 'X = "select rolname from pg_roles"', 'X = "All tasks"'])
def test_what_is_no_sql_on_our_tables_passes(text: str) -> None:
    assert queries.astray(Source(ELSEWHERE, text)) == []


@pytest.mark.parametrize(
    "text",
    [
        'X = f"select id from tasks where {condition}"',
        'X = "select id from tasks" + condition',
        'X = "select id from %s" % table',
        'X = "select id from {}".format(table)',
    ],
)
def test_sql_that_is_put_together_is_found(text: str) -> None:
    assert len(queries.composed(Source(HOME, text))) == 1


FUNCTION = "create function f() returns bigint language plpgsql as $$ begin delete from tasks; end $$"
REVISION = "services/task-writer/migrations/versions/0009_more.py"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"MADE = {FUNCTION!r}", "MADE"),
        (f"MADE = {FUNCTION.upper()!r}", "MADE"),
        (f"MADE = {FUNCTION.replace('create', 'create or replace')!r}", "MADE"),
        (f"def upgrade():\n    op.execute({FUNCTION!r})", "line 2"),
    ],
)
def test_a_bad_function_is_found_by_its_name(text: str, name: str) -> None:
    found = queries.functions(Source(REVISION, text))

    assert list(found) == [name]
    assert found[name] != []
