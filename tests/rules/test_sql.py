"""The check of user_id finds what is planted, and lets sound statements pass."""

from collections.abc import Callable

import pytest

from .sql import faults, statements

ASKS = "set local app.user_id = %(user_id)s;"
SHORT = {"MINE": "user_id = %(user_id)s", "VALUES": "values (%(task_id)s, %(title)s, %(user_id)s)"}
SOUND = {
    "one task": "select id, title from tasks where id = %(task_id)s and MINE",
    "turned round": "select id from tasks where %(user_id)s = user_id",
    "all tasks": "select id from tasks where MINE order by created_at desc limit 5",
    "capitals": "SELECT id FROM Tasks WHERE User_Id = %(user_id)s",
    "a sub-select": "select json_agg(t) from (select id, user_id from tasks where MINE) as t",
    "a count": "select count(*) from tasks where MINE",
    "an update": "update tasks set title = %(title)s where MINE and id = %(task_id)s returning id, title",
    "a delete": "delete from tasks where MINE; delete from command_log where MINE",
    "an insert": "insert into tasks (id, title, user_id) VALUES on conflict (id) do nothing returning id",
    "insert … select": "insert into command_log (user_id, status) select %(user_id)s, 'done' from task",
    "a common table": "with t as (select id from tasks where MINE) select id from t",
    "with an alias": "select t.id from tasks as t where t.MINE",
    "a join": "select t.id from tasks t join command_log c on c.id = t.id where t.MINE and c.MINE",
    "a union": "select id from tasks where MINE union select command_id from command_log where MINE",
    "an exists": "select id from tasks where MINE and exists (select 1 from command_log where MINE)",
    "a choice inside": "select id from tasks where MINE and (title = %(title)s or is_completed)",
    "a comment": "select id /* of tasks */ from tasks -- where nothing\n where MINE",
}
PLANTED = {
    "no filter in a select": "select id from tasks",
    "no filter in an update": "update tasks set title = %(title)s where id = %(task_id)s",
    "no where in an update": "update tasks set title = %(title)s",
    "no filter in a delete": "delete from tasks where id = %(task_id)s returning id",
    "no filter in a sub-select": "select id from tasks where MINE and id in (select task_id from command_log)",
    "no filter around a sub-select": "select id from tasks where id in (select id from tasks where MINE)",
    "no filter in a common table": "with t as (select id from tasks) select id from t where MINE",
    "no filter in a second statement": "select id from tasks where MINE; delete from tasks where id = %(task_id)s",
    "no filter after a union": "select id from tasks where MINE union all select command_id from command_log",
    "no filter on a joined table": "select t.id from tasks t join command_log c on c.id = t.id where t.MINE",
    "the filter of another table": "select t.id from tasks t, command_log c where c.MINE and c.id = t.id",
    "an unclear filter of two tables": "select t.id from tasks t, command_log c where MINE",
    "user_id selected, not filtered": "select id, user_id, %(user_id)s from tasks where id = %(task_id)s",
    "user_id returned, not filtered": "update tasks set title = %(title)s where id = %(task_id)s returning user_id",
    "user_id in the join alone": "select t.id from tasks t join others o on o.MINE where t.id = o.id",
    "a filter on a literal": "select id from tasks where user_id = '7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11'",
    "a filter on another value": "select id from tasks where user_id = %(task_id)s",
    "a filter on another column": "select id from tasks where id = %(user_id)s",
    "a filter on itself": "select id from tasks where user_id = user_id",
    "anything but the user": "select id from tasks where user_id <> %(user_id)s",
    "not the user": "select id from tasks where not MINE",
    "the user or something else": "select id from tasks where MINE or id = %(task_id)s",
    "the filter in a comment": "select id from tasks -- where MINE",
    "the filter in a text": "select id from tasks where title = ' and user_id = %(user_id)s'",
    "select *": "select * from tasks where MINE",
    "select distinct *": "select distinct * from tasks where MINE",
    "select t.*": "select t.* from tasks t where t.MINE",
    "one column, then *": "select id, * from tasks where MINE",
    "returning *": "delete from tasks where MINE returning *",
    "* in a sub-select": "select row_to_json(t) from (select * from tasks where MINE) as t",
    "a whole row": "select row_to_json(tasks) from tasks where MINE",
    "an insert without user_id": "insert into tasks (id, title) values (%(task_id)s, %(title)s)",
    "an insert without columns": "insert into tasks VALUES",
    "an insert for someone else": "insert into tasks (id, user_id) values (%(user_id)s, %(task_id)s)",
    "a second row for someone else": "insert into tasks (user_id) values (%(user_id)s), (%(task_id)s)",
    "insert … select for someone else": "insert into command_log (id, user_id) select %(user_id)s, user_id from task",
    "insert … select from all": "insert into command_log (user_id) select %(user_id)s from tasks",
    "an insert that changes a row": "insert into tasks (id, title, user_id) VALUES on conflict do update set id = '1'",
    "a task given away": "update tasks set user_id = %(task_id)s where MINE",
    "truncate": "truncate tasks",
    "copy": "copy tasks to stdout",
    "a schema before the name": "select id from public.tasks",
    "a name in quotes": 'select id from "tasks"',
}  # fmt: skip


def spelled_out(sql: str) -> str:
    """The statement without the abbreviations of the tables above."""
    for short, long in SHORT.items():
        sql = sql.replace(short, long)
    return sql


@pytest.mark.parametrize("sql", SOUND.values(), ids=SOUND.keys())
def test_a_sound_statement_passes(sql: str) -> None:
    assert faults(ASKS + spelled_out(sql)) == []


@pytest.mark.parametrize("sql", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_fault_is_found(sql: str) -> None:
    assert faults(ASKS + spelled_out(sql)) != []


@pytest.mark.parametrize(
    "first", ["", "select 1;", "set app.user_id = %(user_id)s;", "set local app.user_id = %(task_id)s;"]
)
def test_a_string_that_does_not_say_who_asks_is_found(first: str) -> None:
    assert faults(first + spelled_out("select id from tasks where MINE")) != []


def test_a_statement_on_other_tables_needs_no_user() -> None:
    assert faults("select rolname from pg_roles where rolname = current_user") == []


def test_a_semicolon_in_a_text_or_a_comment_ends_no_statement() -> None:
    assert statements("select ';' -- ;\n /* ; */ from t; select 2") == [["select", "';'", "from", "t"], ["select", "2"]]


FUNCTION = """
create function f(p_user_id uuid, p_task_id uuid) returns text language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  changed record;
begin
  perform set_config('app.user_id', p_user_id::text, true);
  delete from tasks where id = p_task_id and user_id = p_user_id returning id into changed;
  insert into command_log (user_id, status) values (p_user_id, case when found then 'done' end);
  return 'done';
end $$
"""


SPELLINGS = {
    "as it is": lambda text: text,
    "in capitals": lambda text: text.replace("create function", "CREATE FUNCTION").replace("begin", "BEGIN"),
    "or replace": lambda text: text.replace("create function", "create or replace function"),
    "over lines": lambda text: text.replace("create function", "create\n  or  replace\tFUNCTION"),
    "with a tag": lambda text: text.replace("$$", "$body$"),
    "behind a comment": lambda text: "-- create function f() as 'select 1'\n" + text,
    "behind another": lambda text: text.replace("function f", "function g") + ";" + text,
    "with an assignment": lambda text: text.replace("perform set_config", "asking := set_config"),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_sound_function_passes(spell: Callable[[str], str]) -> None:
    assert faults(spell(FUNCTION)) == []


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_fault_is_found_however_the_function_is_spelled(spell: Callable[[str], str]) -> None:
    assert faults(spell(FUNCTION.replace(" and user_id = p_user_id", ""))) != []


@pytest.mark.parametrize(
    "planted",
    [
        "execute 'delete from ' || 'tasks';",
        "EXECUTE format('select id from %I', p_table) into changed;",
        "for changed in execute p_sql loop null; end loop;",
        "open c for execute p_sql;",
        "return query execute p_sql using p_user_id;",
    ],
)
def test_dynamic_sql_is_found(planted: str) -> None:
    assert faults(FUNCTION.replace("  return 'done';", f"  {planted}\n  return 'done';")) != []


@pytest.mark.parametrize(
    "planted",
    [
        "create function f(p_user_id uuid) returns bigint language sql as 'select count(*) from tasks'",
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC; SELECT count(*) FROM tasks; END",
        "create function f() returns bigint language sql return (select count(*) from tasks)",
        "create procedure f() language sql as $$ delete from tasks $$",
    ],
)
def test_a_function_of_another_form_is_found(planted: str) -> None:
    assert faults(planted) != []


@pytest.mark.parametrize(
    ("sound", "planted"),
    [
        (" and user_id = p_user_id", ""),
        ("user_id = p_user_id", "user_id = p_task_id"),
        ("values (p_user_id", "values (p_task_id"),
        ("p_user_id::text", "p_task_id::text"),
        ("  perform set_config('app.user_id', p_user_id::text, true);\n", ""),
        (", true)", ", false)"),
        ("returning id", "returning *"),
        ("set search_path = pg_catalog, public, pg_temp\n", ""),
        ("pg_catalog, public, pg_temp", "public"),
        ("pg_catalog, public, pg_temp", "pg_temp, pg_catalog, public"),
        ("language plpgsql", "language plpgsql SECURITY  DEFINER"),
    ],
)
def test_a_fault_of_a_function_is_found(sound: str, planted: str) -> None:
    assert sound in FUNCTION
    assert faults(FUNCTION.replace(sound, planted, 1)) != []


LOOP = """
create function f(p_commands json) returns setof text language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  command record;
begin
  for command in select type, user_id, task_id from json_to_recordset(p_commands) as given (type text, user_id uuid)
  loop
    perform set_config('app.user_id', command.user_id::text, true);
    case command.type
      when 'create' then insert into tasks (id, user_id) values (command.task_id, command.user_id);
      when 'delete' then delete from tasks where id = command.task_id and user_id = command.user_id;
    end case;
    return next 'done';
  end loop;
end $$
"""


def test_a_sound_loop_over_commands_passes() -> None:
    assert faults(LOOP) == []


@pytest.mark.parametrize(
    ("sound", "planted"),
    [
        (" and user_id = command.user_id", ""),
        ("user_id = command.user_id", "user_id = command.task_id"),
        ("user_id = command.user_id", "user_id = p_user_id"),
        ("command.task_id, command.user_id", "command.user_id, command.task_id"),
        ("command.user_id::text", "command.task_id::text"),
        ("    perform set_config('app.user_id', command.user_id::text, true);\n", ""),
        (", true)", ", false)"),
        ("select type, user_id, task_id", "select *"),
        ("json_to_recordset(p_commands) as given (type text, user_id uuid)", "tasks"),
        ("  end loop;", "  end loop;\n  delete from tasks where user_id = command.user_id;"),
        (
            "  for command",
            "  perform set_config('app.user_id', p_user_id::text, true);\n  delete from tasks;\n  for command",
        ),
        ("for command in", "for other in"),
    ],
)
def test_a_fault_of_a_loop_over_commands_is_found(sound: str, planted: str) -> None:
    assert sound in LOOP
    assert faults(LOOP.replace(sound, planted, 1)) != []


READS = """
create function f(p_user_ids uuid[], p_task_ids uuid[]) returns setof text language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  answer text;
begin
  for place in 1 .. cardinality(p_user_ids) loop
    perform set_config('app.user_id', p_user_ids[place]::text, true);
    select title into answer from tasks where id = p_task_ids[place] and user_id = p_user_ids[place];
    return next answer;
  end loop;
end $$
"""


def test_a_sound_loop_over_reads_passes() -> None:
    assert faults(READS) == []


@pytest.mark.parametrize(
    ("sound", "planted"),
    [
        (" and user_id = p_user_ids[place]", ""),
        ("user_id = p_user_ids[place]", "user_id = p_task_ids[place]"),
        ("user_id = p_user_ids[place]", "user_id = p_user_ids[1]"),
        ("user_id = p_user_ids[place]", "user_id = any (p_user_ids)"),
        ("p_user_ids[place]::text", "p_task_ids[place]::text"),
        ("p_user_ids[place]::text", "p_user_ids[1]::text"),
        ("    perform set_config('app.user_id', p_user_ids[place]::text, true);\n", ""),
        (", true)", ", false)"),
        ("select title", "select *"),
        ("  end loop;", "  end loop;\n  delete from tasks where user_id = p_user_ids[place];"),
        ("  for place", "  delete from tasks;\n  for place"),
        ("cardinality(p_user_ids)", "cardinality(p_task_ids)"),
    ],
)
def test_a_fault_of_a_loop_over_reads_is_found(sound: str, planted: str) -> None:
    assert sound in READS
    assert faults(READS.replace(sound, planted, 1)) != []


IN_TURN = """
create function f(p_user_ids uuid[], p_task_ids uuid[]) returns setof text language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  return query
  select found.answer
  from (
    select set_config('app.user_id', user_id::text, true)::uuid as user_id, task_id
    from unnest(p_user_ids, p_task_ids) as given (user_id, task_id)
    offset 0
  ) as asked
  left join lateral (
    select one.title as answer
    from tasks as one
    where one.id = asked.task_id and one.user_id = asked.user_id
    offset 0
  ) as found on true;
end $$
"""


def test_a_sound_select_that_names_the_user_of_each_row_passes() -> None:
    assert faults(IN_TURN) == []


@pytest.mark.parametrize(
    ("sound", "planted"),
    [
        (" and one.user_id = asked.user_id", ""),
        ("one.user_id = asked.user_id", "one.user_id = asked.task_id"),
        ("one.user_id = asked.user_id", "one.user_id = any (p_user_ids)"),
        ("set_config('app.user_id', user_id::text, true)::uuid as user_id", "user_id"),
        ("user_id::text, true", "task_id::text, true"),
        ("user_id::text, true", "user_id::text, false"),
        ("unnest(p_user_ids, p_task_ids)", "unnest(p_task_ids, p_user_ids)"),
        ("given (user_id, task_id)", "given (task_id, user_id)"),
        ("    offset 0\n  ) as asked", "  ) as asked"),
        ("    offset 0\n  ) as asked", "    order by task_id offset 0\n  ) as asked"),
        ("    offset 0\n  ) as found", "  ) as found"),
        ("join lateral", "join"),
        ("on true;", "on true order by 1;"),
        ("one.title as answer", "one.*"),
        ("end $$", "  delete from tasks where user_id = asked.user_id;\nend $$"),
        ("  return query", "  delete from tasks;\n  return query"),
    ],
)
def test_a_fault_of_a_select_that_names_the_user_of_each_row_is_found(sound: str, planted: str) -> None:
    assert sound in IN_TURN
    assert faults(IN_TURN.replace(sound, planted, 1)) != []
