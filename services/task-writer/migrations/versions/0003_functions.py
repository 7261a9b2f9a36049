"""Make the functions of the services: what they do on every request, and the clean-up (ADR 9, ADR 13).

Each names the user to row-level security until the end of the transaction, and runs with the rights of its caller.
The texts are those of services/task-writer/sql as they were; a later change of a file is a later revision.
"""

from alembic import op

revision = "0003_functions"
down_revision = "0002_rights"
branch_labels = None
depends_on = None

RUN_COMMANDS = r"""
create or replace function run_commands(p_commands json, p_batch bigint, p_keys bigint[], p_look_up boolean)
returns table (status text, task text, recorded boolean)
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  asking text;
  command record;
  known record;
  changed record;
begin
  if p_keys is not null or not pg_try_advisory_xact_lock(p_batch) then
    begin
      perform pg_advisory_xact_lock(p_batch);
    exception when lock_not_available then
      return query select 'unknown', null, false from json_array_elements(p_commands);
      return;
    end;
    perform pg_advisory_xact_lock(key) from unnest(p_keys) as key;
  end if;

  for command in
    select type, command_id, user_id, fingerprint, keyed, p_look_up or keyed as look_up,
      to_timestamp(deadline_unix_ms / 1000) as deadline, task_id, title, description, is_completed
    from json_to_recordset(p_commands) as given (
      type text, command_id uuid, user_id uuid, fingerprint bytea, keyed boolean, deadline_unix_ms double precision,
      task_id uuid, title text, description text, is_completed boolean
    )
  loop
    asking := set_config('app.user_id', command.user_id::text, true);
    if command.look_up or command.deadline <= clock_timestamp() then
      select log.status, log.task, log.fingerprint into known  -- command_log_pkey
      from command_log as log
      where log.command_id = command.command_id and log.user_id = command.user_id;
      recorded := found;
      if recorded or command.deadline <= clock_timestamp() then
        status := case
          when not recorded then 'expired'
          when command.keyed and known.fingerprint <> command.fingerprint then 'key_reused'
          else known.status
        end;
        task := case when status <> 'key_reused' then known.task end;
        return next;
        recorded := false;
        continue;
      end if;
    end if;

    case command.type
      when 'create_task' then
        insert into tasks (id, title, description, is_completed, created_at, user_id)
        values (
          command.task_id, command.title, command.description, command.is_completed, clock_timestamp(), command.user_id
        )
        returning id, title, description, is_completed,
          to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
      when 'replace_task' then  -- tasks_pkey, as the others
        update tasks
        set title = command.title, description = command.description, is_completed = command.is_completed
        where id = command.task_id and user_id = command.user_id
        returning id, title, description, is_completed,
          to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
      when 'toggle_task' then
        update tasks
        set is_completed = coalesce(command.is_completed, not is_completed)
        where id = command.task_id and user_id = command.user_id
        returning id, title, description, is_completed,
          to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
      when 'delete_task' then
        delete from tasks
        where id = command.task_id and user_id = command.user_id;
      else
        raise exception 'there is no command of type %', command.type;
    end case;
    status := case when found then 'done' else 'not_found' end;
    task := case when found and command.type <> 'delete_task' then row_to_json(changed)::text end;
    insert into command_log (command_id, user_id, fingerprint, status, task)
    values (command.command_id, command.user_id, command.fingerprint, status, task);
    return next;
  end loop;
end $$;

revoke execute on function run_commands from public;
grant execute on function run_commands to taskwire_writer;
"""

FORGET_COMMANDS = r"""
create or replace function forget_commands(p_retention_s double precision, p_limit integer) returns integer
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  asking text;
  oldest_kept timestamptz := now() - make_interval(secs => p_retention_s);
  forgotten integer;
begin
  asking := set_config('app.housekeeping', 'on', true);
  delete from command_log
  where command_id in (
    select command_id from command_log
    where recorded_at < oldest_kept
    order by recorded_at
    limit p_limit
  );
  get diagnostics forgotten = row_count;
  if forgotten > 0 then
    update command_log_state set forgotten_until = greatest(forgotten_until, oldest_kept);
  end if;
  return forgotten;
end $$;

revoke execute on function forget_commands from public;
grant execute on function forget_commands to taskwire_writer;
"""

FIND_TASK = r"""
create or replace function find_task(p_user_id uuid, p_task_id uuid) returns json
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  asking text;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  return (
    select row_to_json(task)
    from (
      select id, title, description, is_completed,
        to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id
      from tasks
      where id = p_task_id and user_id = p_user_id
    ) as task
  );
end $$;

revoke execute on function find_task from public;
grant execute on function find_task to taskwire_reader;
"""

LIST_TASKS = r"""
create or replace function list_tasks(p_user_id uuid) returns json
language plpgsql
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  asking text;
  owner text := p_user_id;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  return (
    select coalesce(json_agg(
      case when task.created_at = task.created_at::timestamptz(5) then ending_in_zero else as_it_is end
    ), '[]')
    from (
      select id, title, description, is_completed, created_at
      from tasks
      where user_id = p_user_id
      order by created_at desc, id desc
    ) as task
    cross join lateral (
      select task.id, task.title, task.description, task.is_completed, task.created_at, owner as user_id
    ) as as_it_is
    cross join lateral (
      select task.id, task.title, task.description, task.is_completed,
        to_char(task.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, owner as user_id
    ) as ending_in_zero
  );
end $$;

revoke execute on function list_tasks from public;
grant execute on function list_tasks to taskwire_reader;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    for text in (RUN_COMMANDS, FORGET_COMMANDS, FIND_TASK, LIST_TASKS):
        op.execute(text)


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    for name in ("run_commands", "forget_commands", "find_task", "list_tasks"):
        op.execute(f"drop function {name}")
