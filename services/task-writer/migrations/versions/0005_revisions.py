"""Give every user a revision that each change moves, and every task the revision of its last change (ADR 18).

A task that is there already gets the moment of this migration as the default of the new column. No row is touched, so
the time does not depend on their number. A user without a row in `user_revisions` is at the revision of any of their
tasks, or at 0 without a task; the first write makes the row.

`run_commands` returns one column more, so it is dropped and made again. Task-writers of the release before go on: their
call names the columns that it wants, and what they change moves the revisions too.
"""

from alembic import context, op

revision = "0005_revisions"
down_revision = "0004_pages"
branch_labels = None
depends_on = None

OF_USER = "user_id = nullif(current_setting('app.user_id', true), '')::uuid"

USER_REVISIONS = """
create table user_revisions (
  user_id uuid primary key, revision bigint not null, previous bigint not null
) with (fillfactor = 80)
"""

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
      precondition, place, lead(user_id) over in_turn is distinct from user_id as is_last_of_user
    from rows from (json_to_recordset(p_commands) as (
      type text, command_id uuid, user_id uuid, fingerprint bytea, keyed boolean, deadline_unix_ms double precision,
      task_id uuid, title text, description text, is_completed boolean, precondition jsonb
    )) with ordinality as given (
      type, command_id, user_id, fingerprint, keyed, deadline_unix_ms,
      task_id, title, description, is_completed, precondition, place
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
    op.execute(USER_REVISIONS)
    op.execute("alter table user_revisions enable row level security")
    op.execute("alter table user_revisions force row level security")
    op.execute(f"create policy user_revisions_of_user on user_revisions using ({OF_USER}) with check ({OF_USER})")
    op.execute("grant select, insert, update on user_revisions to taskwire_writer")

    op.execute(
        "alter table tasks add column revision bigint not null default (date_part('epoch', now()) * 1e6)::bigint"
    )
    op.execute("alter table tasks alter column revision set default 0")
    op.execute("alter table command_log add revision bigint, add previous bigint, add task_id uuid")

    op.execute("drop function run_commands")
    op.execute(RUN_COMMANDS)


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("drop function run_commands")
    op.execute(context.script.get_revision("0003_functions").module.RUN_COMMANDS)
    op.execute("alter table command_log drop column task_id, drop column previous, drop column revision")
    op.execute("alter table tasks drop column revision")
    op.execute("drop table user_revisions")
