"""Put what the services do on every request into functions, whose plans PostgreSQL keeps: see ADR 9.

Each begins by telling row-level security who asks, until the end of the transaction, and runs with the rights of the
role that calls it. A function is never changed: a new release brings one of a new name, and a later one drops the old.
"""

from alembic import op

revision = "0004_functions"
down_revision = "0003_row_level_security"
branch_labels = None
depends_on = None

CREATE_TASK = """
create function create_task(
  p_command_id uuid, p_user_id uuid, p_fingerprint bytea,
  p_task_id uuid, p_title text, p_description text, p_is_completed boolean,
  out status text, out task text
) language plpgsql as $$
declare
  changed record;
begin
  perform set_config('app.user_id', p_user_id::text, true);
  insert into tasks (id, title, description, is_completed, created_at, user_id)
  values (p_task_id, p_title, p_description, p_is_completed, clock_timestamp(), p_user_id)
  returning id, title, description, is_completed, created_at, user_id into changed;
  status := 'done';
  task := row_to_json(changed)::text;
  insert into command_log (command_id, user_id, fingerprint, status, task)
  values (p_command_id, p_user_id, p_fingerprint, status, task);
end $$
"""

REPLACE_TASK = """
create function replace_task(
  p_command_id uuid, p_user_id uuid, p_fingerprint bytea,
  p_task_id uuid, p_title text, p_description text, p_is_completed boolean,
  out status text, out task text
) language plpgsql as $$
declare
  changed record;
begin
  perform set_config('app.user_id', p_user_id::text, true);
  update tasks
  set title = p_title, description = p_description, is_completed = p_is_completed
  where id = p_task_id and user_id = p_user_id
  returning id, title, description, is_completed, created_at, user_id into changed;
  status := case when found then 'done' else 'not_found' end;
  task := case when found then row_to_json(changed)::text end;
  insert into command_log (command_id, user_id, fingerprint, status, task)
  values (p_command_id, p_user_id, p_fingerprint, status, task);
end $$
"""

TOGGLE_TASK = """
create function toggle_task(
  p_command_id uuid, p_user_id uuid, p_fingerprint bytea, p_task_id uuid, p_is_completed boolean,
  out status text, out task text
) language plpgsql as $$
declare
  changed record;
begin
  perform set_config('app.user_id', p_user_id::text, true);
  update tasks
  set is_completed = coalesce(p_is_completed, not is_completed)
  where id = p_task_id and user_id = p_user_id
  returning id, title, description, is_completed, created_at, user_id into changed;
  status := case when found then 'done' else 'not_found' end;
  task := case when found then row_to_json(changed)::text end;
  insert into command_log (command_id, user_id, fingerprint, status, task)
  values (p_command_id, p_user_id, p_fingerprint, status, task);
end $$
"""

DELETE_TASK = """
create function delete_task(
  p_command_id uuid, p_user_id uuid, p_fingerprint bytea, p_task_id uuid, out status text, out task text
) language plpgsql as $$
begin
  perform set_config('app.user_id', p_user_id::text, true);
  delete from tasks
  where id = p_task_id and user_id = p_user_id;
  status := case when found then 'done' else 'not_found' end;
  insert into command_log (command_id, user_id, fingerprint, status)
  values (p_command_id, p_user_id, p_fingerprint, status);
end $$
"""

LIST_TASKS = """
create function list_tasks(p_user_id uuid) returns json language plpgsql as $$
begin
  perform set_config('app.user_id', p_user_id::text, true);
  return (
    select coalesce(json_agg(task), '[]')
    from (
      select id, title, description, is_completed, created_at, user_id
      from tasks
      where user_id = p_user_id
      order by created_at desc, id desc
    ) as task
  );
end $$
"""

FIND_TASK = """
create function find_task(p_user_id uuid, p_task_id uuid) returns json language plpgsql as $$
begin
  perform set_config('app.user_id', p_user_id::text, true);
  return (
    select row_to_json(task)
    from (
      select id, title, description, is_completed, created_at, user_id
      from tasks
      where id = p_task_id and user_id = p_user_id
    ) as task
  );
end $$
"""

OF_THE_WRITER = {
    "create_task": CREATE_TASK,
    "replace_task": REPLACE_TASK,
    "toggle_task": TOGGLE_TASK,
    "delete_task": DELETE_TASK,
}
OF_THE_READER = {"list_tasks": LIST_TASKS, "find_task": FIND_TASK}


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    for role, functions in (("taskwire_writer", OF_THE_WRITER), ("taskwire_reader", OF_THE_READER)):
        for name, text in functions.items():
            op.execute(text)
            op.execute(f"revoke execute on function {name} from public")
            op.execute(f"grant execute on function {name} to {role}")


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    for name in (*OF_THE_WRITER, *OF_THE_READER):
        op.execute(f"drop function {name}")
