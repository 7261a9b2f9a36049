"""Carry a batch of commands out by one call: see ADR 9.

The function takes the commands in the order of the array, and answers each with one row, in that order. It runs with
the rights of the role that calls it.

The functions of 0004 for single commands stay: the former release calls them while this one starts. A later revision
drops them.
"""

from alembic import op

revision = "0005_run_commands"
down_revision = "0004_functions"
branch_labels = None
depends_on = None

RUN_COMMANDS = """
create function run_commands(p_commands json) returns table (status text, task text) language plpgsql as $$
declare
  command record;
  changed record;
begin
  for command in
    select type, command_id, user_id, fingerprint, task_id, title, description, is_completed
    from json_to_recordset(p_commands) as given (
      type text, command_id uuid, user_id uuid, fingerprint text,
      task_id uuid, title text, description text, is_completed boolean
    )
  loop
    perform set_config('app.user_id', command.user_id::text, true);
    case command.type
      when 'create_task' then
        insert into tasks (id, title, description, is_completed, created_at, user_id)
        values (
          command.task_id, command.title, command.description, command.is_completed, clock_timestamp(), command.user_id
        )
        returning id, title, description, is_completed, created_at, user_id into changed;
      when 'replace_task' then
        update tasks
        set title = command.title, description = command.description, is_completed = command.is_completed
        where id = command.task_id and user_id = command.user_id
        returning id, title, description, is_completed, created_at, user_id into changed;
      when 'toggle_task' then
        update tasks
        set is_completed = coalesce(command.is_completed, not is_completed)
        where id = command.task_id and user_id = command.user_id
        returning id, title, description, is_completed, created_at, user_id into changed;
      when 'delete_task' then
        delete from tasks
        where id = command.task_id and user_id = command.user_id;
      else
        raise exception 'there is no command of type %', command.type;
    end case;
    status := case when found then 'done' else 'not_found' end;
    task := case when found and command.type <> 'delete_task' then row_to_json(changed)::text end;
    insert into command_log (command_id, user_id, fingerprint, status, task)
    values (command.command_id, command.user_id, decode(command.fingerprint, 'hex'), status, task);
    return next;
  end loop;
end $$
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute(RUN_COMMANDS)
    op.execute("revoke execute on function run_commands from public")
    op.execute("grant execute on function run_commands to taskwire_writer")


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("drop function run_commands")
