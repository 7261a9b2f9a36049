"""Carry out the command that patches a task.

The function has the same parameters and answers as before: task-writers of the release before do not send the new type.
"""

from alembic import context, op

revision = "0007_patch_task"
down_revision = "0006_change_log_index"
branch_labels = None
depends_on = None

RUN_COMMANDS = r"""
create or replace function run_commands(p_commands json, p_batch bigint, p_keys bigint[], p_look_up boolean)
returns table (status text, task text, recorded boolean, revision bigint)
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
  asking text;
  command record;
  known record;
  changed record;
  is_change boolean;
  against bigint;
  locked uuid;  -- the user whose row is locked; the revision that is stored there, the one reached, and the next one
  stored bigint;
  reached bigint;
  upcoming bigint;
  answer text;  -- what the command is answered with
  shown text;
  shown_revision bigint;
  replayed boolean;
  answers text[] := array_fill(null::text, array[json_array_length(p_commands)]);  -- in the order of the array
  tasks_left text[] := answers;
  replays boolean[] := answers::boolean[];
  revisions bigint[] := answers::bigint[];
begin
  if p_keys is not null or not pg_try_advisory_xact_lock(p_batch) then
    begin
      perform pg_advisory_xact_lock(p_batch);
    exception when lock_not_available then
      return query select 'unknown', null, false, null::bigint from json_array_elements(p_commands);
      return;
    end;
    perform pg_advisory_xact_lock(key) from unnest(p_keys) as key;
  end if;

  for command in
    select type, command_id, user_id, fingerprint, keyed, p_look_up or keyed as look_up,
      to_timestamp(deadline_unix_ms / 1000) as deadline, task_id, title, description, is_completed,
      changes, precondition, place, lead(user_id) over in_turn is distinct from user_id as is_last_of_user
    from rows from (json_to_recordset(p_commands) as (
      type text, command_id uuid, user_id uuid, fingerprint bytea, keyed boolean, deadline_unix_ms double precision,
      task_id uuid, title text, description text, is_completed boolean, changes jsonb, precondition jsonb
    )) with ordinality as given (
      type, command_id, user_id, fingerprint, keyed, deadline_unix_ms,
      task_id, title, description, is_completed, changes, precondition, place
    )
    window in_turn as (order by user_id, place)
    order by user_id, place
  loop
    asking := set_config('app.user_id', command.user_id::text, true);
    if locked is distinct from command.user_id then
      loop
        update user_revisions  -- user_revisions_pkey
        set previous = revision,
          revision = greatest(revision + 1, (date_part('epoch', clock_timestamp()) * 1e6)::bigint)
        where user_id = command.user_id
        returning revision, previous into stored, reached;
        exit when found;
        -- Any task will do; the order keeps PostgreSQL from looking through the tasks of all users for one.
        reached := coalesce(
          (select revision from tasks where user_id = command.user_id order by created_at desc limit 1), 0
        );
        insert into user_revisions (user_id, revision, previous)
        values (
          command.user_id, greatest(reached + 1, (date_part('epoch', clock_timestamp()) * 1e6)::bigint), reached
        )
        on conflict (user_id) do nothing
        returning revision into stored;
        exit when found;
      end loop;
      locked := command.user_id;
    end if;

    answer := null;
    shown := null;
    shown_revision := null;
    replayed := false;
    if command.look_up or command.deadline <= clock_timestamp() then
      select log.status, log.task, log.revision, log.fingerprint into known  -- command_log_pkey
      from command_log as log
      where log.command_id = command.command_id and log.user_id = command.user_id;
      replayed := found;
      if replayed and command.keyed and known.fingerprint <> command.fingerprint then
        answer := 'key_reused';
      elsif replayed then
        answer := known.status;
        shown := known.task;
        shown_revision := known.revision;
      elsif command.deadline <= clock_timestamp() then
        answer := 'expired';
      end if;
    end if;

    if answer is null then
      upcoming := case
        when stored > reached then stored
        else greatest(reached + 1, (date_part('epoch', clock_timestamp()) * 1e6)::bigint)
      end;
      is_change := false;
      if command.precondition is not null then
        against := case
          when command.type = 'create_task' then reached
          else (select revision from tasks where id = command.task_id and user_id = command.user_id)
        end;
        if not command.precondition -> 'if_match' @> to_jsonb(against)
          or command.precondition -> 'if_none_match' @> to_jsonb(against) then
          answer := 'precondition_failed';
          shown_revision := against;
        end if;
      end if;
      if answer is null then
        case command.type
          when 'create_task' then
            insert into tasks (id, title, description, is_completed, created_at, user_id, revision)
            values (
              command.task_id, command.title, command.description, command.is_completed, clock_timestamp(),
              command.user_id, upcoming
            )
            returning id, title, description, is_completed,
              to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
          when 'replace_task' then  -- tasks_pkey, as the others
            update tasks
            set title = command.title, description = command.description, is_completed = command.is_completed,
              revision = upcoming
            where id = command.task_id and user_id = command.user_id
              and (title, description, is_completed)
                is distinct from (command.title, command.description, command.is_completed)
            returning id, title, description, is_completed,
              to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
          when 'patch_task' then
            update tasks
            set title = coalesce(command.changes ->> 'title', title),
              description = case
                when command.changes ? 'description' then command.changes ->> 'description' else description
              end,
              is_completed = coalesce((command.changes ->> 'is_completed')::boolean, is_completed),
              revision = upcoming
            where id = command.task_id and user_id = command.user_id
              and not jsonb_build_object('title', title, 'description', description, 'is_completed', is_completed)
                @> command.changes
            returning id, title, description, is_completed,
              to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
          when 'toggle_task' then
            update tasks
            set is_completed = not is_completed, revision = upcoming
            where id = command.task_id and user_id = command.user_id
              and is_completed is distinct from command.is_completed
            returning id, title, description, is_completed,
              to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
          when 'delete_task' then
            delete from tasks
            where id = command.task_id and user_id = command.user_id;
          else
            raise exception 'there is no command of type %', command.type;
        end case;
        is_change := found;
        if is_change then
          answer := 'done';
          shown := case when command.type <> 'delete_task' then row_to_json(changed)::text end;
          shown_revision := upcoming;
        else
          select row_to_json(shape)::text, now.revision into shown, shown_revision
          from tasks as now
          cross join lateral (
            select now.id, now.title, now.description, now.is_completed,
              to_char(now.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, now.user_id
          ) as shape
          where now.id = command.task_id and now.user_id = command.user_id;
          answer := case when found then 'done' else 'not_found' end;
        end if;
      end if;
      insert into command_log (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
      values (
        command.command_id, command.user_id, command.fingerprint, answer, shown,
        shown_revision, case when is_change then reached end, command.task_id
      );
      if is_change then
        reached := upcoming;
      end if;
    end if;

    answers[command.place] := answer;
    tasks_left[command.place] := shown;
    replays[command.place] := replayed;
    revisions[command.place] := shown_revision;
    if command.is_last_of_user and stored <> reached then
      update user_revisions
      set revision = reached
      where user_id = command.user_id;
    end if;
  end loop;
  return query
  select status, task, recorded, revision
  from unnest(answers, tasks_left, replays, revisions) as given (status, task, recorded, revision);
end $$;

revoke execute on function run_commands from public;
grant execute on function run_commands to taskwire_writer;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute(RUN_COMMANDS)


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute(context.script.get_revision("0005_revisions").module.RUN_COMMANDS)
