-- Carries a batch of commands out, in the order of the array, and answers each with one row, in that order.
--
-- status: done, not_found, key_reused, expired, or unknown when an earlier run of the batch has not ended in time.
-- task: the task as it is left, as JSON. recorded: the answer is that of an earlier run or request.
--
-- p_batch is a number that all runs of one batch share, p_keys has one for each of its keys, sorted, or is null: no two
-- transactions with one of these numbers run at the same time. So an earlier run has either committed, and its records
-- are seen here, or it will find the deadlines passed that have passed here. docs/adr/0013 has the argument.
-- p_look_up: an earlier run may have been. Without it only commands with a key are looked up.
--
-- An assignment is evaluated at once where `perform` would be a query of its own, and every expression costs a
-- microsecond when it is first met in a transaction: what new commands without a key go through has few of them.
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
