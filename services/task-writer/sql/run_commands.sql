-- Carries a batch of commands out, each user's in the order of the array, and answers each with one row, in that order.
--
-- status: done, not_found, precondition_failed, key_reused, expired, refused when the first command of its list under one
-- key has no record, or unknown when an earlier run of the batch has not ended in time. task: the task as it is left, as
-- JSON. recorded: the answer is that of an earlier run or request.
-- revision: that of the task; of a deletion its own; where a precondition failed, that of what it was compared with.
--
-- p_batch is a number that all runs of one batch share, p_keys has one for each of its keys, sorted, or is null: no two
-- transactions with one of these numbers run at the same time. So an earlier run has either committed, and its records
-- are seen here, or it will find the deadlines passed that have passed here. docs/adr/0013 has the argument.
-- p_look_up: an earlier run may have been. Without it only commands with a key are looked up.
--
-- Users come in the order of their ids, and a user's row in user_revisions is locked before any of that user's tasks:
-- two batches never wait for each other, and a user's revisions are committed in their order. A change moves the
-- revision, past the clock too: after a restored backup no number comes again. What changes nothing leaves it as it
-- was. docs/adr/0018 has the reasons.
--
-- A command whose id begins with the time is recorded in the slot of that time, a child of command_log that is emptied as
-- a whole (empty_old_slot.sql); every other in command_log itself, so that one look-up finds a key. The first 32 bits of
-- such an id count ticks of 65.536 s. A slot takes 512 of them, 9.3 hours, and there are four in turn. An id that is more
-- than 16 ticks from the clock goes into command_log: so the time tells how old the records of a slot are. Two deliveries
-- of one command may have different places then. So a command that is more than 8 ticks from the clock or from its
-- deadline, as a dead letter is that is replayed, is looked up in all. docs/adr/0030 has the argument.
-- enable_seqscan: a slot is empty at times, and a plan from then would be kept that reads all of it.
--
-- An assignment is evaluated at once where `perform` would be a query of its own, and every expression costs a
-- microsecond when it is first met in a transaction: what new commands without a key go through has few of them.
create or replace function run_commands(p_commands json, p_batch bigint, p_keys bigint[], p_look_up boolean)
returns table (status text, task text, recorded boolean, revision bigint)
language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
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
  list_looked_up uuid;  -- the first command of a list under one key, and the fingerprint in its record
  list_recorded bytea;
  this_tick bigint := date_part('epoch', now()) * 1000 / 65536;
  first_tick double precision := (
    select date_part('epoch', slots_from) * 1000 / 65536 from command_log_state where one_row
  );
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
    select type, command_id, user_id, fingerprint, keyed,
      p_look_up or keyed or has_time and (abs(tick - this_tick) > 8 or deadline_unix_ms / 65536 - tick > 8) as look_up,
      has_time, case when has_time and abs(tick - this_tick) <= 16 then tick / 512 % 4 end as slot,
      to_timestamp(deadline_unix_ms / 1000) as deadline, task_id, title, description, is_completed,
      changes, precondition, list_first, place, lead(user_id) over in_turn is distinct from user_id as is_last_of_user
    from rows from (json_to_recordset(p_commands) as (
      type text, command_id uuid, user_id uuid, fingerprint bytea, keyed boolean, deadline_unix_ms double precision,
      task_id uuid, title text, description text, is_completed boolean, changes jsonb, precondition jsonb,
      list_first uuid
    )) with ordinality as given (
      type, command_id, user_id, fingerprint, keyed, deadline_unix_ms,
      task_id, title, description, is_completed, changes, precondition, list_first, place
    )
    cross join lateral (
      select tick, substr(command_id::text, 15, 1) = '7' and tick >= first_tick as has_time
      from (select ('x' || left(command_id::text, 8))::bit(32)::bigint as tick offset 0) as counted
    ) as dated
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
      if command.has_time then
        select log.status, log.task, log.revision, log.fingerprint into known  -- the primary keys of log and slots
        from command_log as log
        where log.command_id = command.command_id and log.user_id = command.user_id;
      else
        select log.status, log.task, log.revision, log.fingerprint into known  -- command_log_pkey
        from only command_log as log
        where log.command_id = command.command_id and log.user_id = command.user_id;
      end if;
      replayed := found;
      if replayed and command.keyed and known.fingerprint <> command.fingerprint then
        answer := 'key_reused';
      elsif replayed then
        answer := known.status;
        shown := known.task;
        shown_revision := known.revision;
      elsif command.deadline <= clock_timestamp() then
        answer := 'expired';
      elsif command.list_first <> command.command_id then
        if command.list_first is distinct from list_looked_up then
          list_looked_up := command.list_first;
          list_recorded := (
            select log.fingerprint  -- command_log_pkey
            from command_log as log
            where log.command_id = command.list_first and log.user_id = command.user_id
          );
        end if;
        answer := case
          when list_recorded is null then 'refused'
          when list_recorded <> command.fingerprint then 'key_reused'
        end;
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
      case command.slot  -- by name: PostgreSQL needs longer to find the partition of a row
        when 0 then
          insert into command_log_0 (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
        when 1 then
          insert into command_log_1 (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
        when 2 then
          insert into command_log_2 (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
        when 3 then
          insert into command_log_3 (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
        else
          insert into command_log (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
      end case;
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
