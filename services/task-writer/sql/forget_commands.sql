-- Deletes up to p_limit records of the command log that are older than p_retention_s seconds; how many there were. Those in
-- slots are left to empty_old_slot, unless the slots come round before the retention has passed. It is called here too:
-- a task-writer of the release before knows no other clean-up.
-- Uses idx_command_log_recorded_at, and the slots' primary keys. It works over all users: a policy of its own shows it old
-- records, and nothing else. Two at once do no harm.
create or replace function forget_commands(p_retention_s double precision, p_limit integer) returns integer
language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
as $$
declare
  longest_in_slots_s constant double precision := 93600;  -- 26 hours: three slots, less an hour and the margins
  asking text;
  oldest_kept timestamptz := now() - make_interval(secs => p_retention_s);
  old_tick bigint;  -- ids below were recorded before oldest_kept: at most 16 ticks after their time
  old_id uuid;
  deleted integer;
  forgotten integer;
begin
  asking := set_config('app.housekeeping', 'on', true);
  delete from only command_log
  where command_id in (
    select command_id from only command_log
    where recorded_at < oldest_kept
    order by recorded_at
    limit p_limit
  );
  get diagnostics forgotten = row_count;
  if p_retention_s > longest_in_slots_s then
    old_tick := greatest(floor(date_part('epoch', oldest_kept) * 1000 / 65536) - 17, 0);
    old_id := rpad(lpad(to_hex(old_tick), 8, '0'), 32, '0');
    delete from only command_log_0
    where command_id in (
      select command_id from only command_log_0 where command_id < old_id order by command_id limit p_limit - forgotten
    );
    get diagnostics deleted = row_count;
    forgotten := forgotten + deleted;
    delete from only command_log_1
    where command_id in (
      select command_id from only command_log_1 where command_id < old_id order by command_id limit p_limit - forgotten
    );
    get diagnostics deleted = row_count;
    forgotten := forgotten + deleted;
    delete from only command_log_2
    where command_id in (
      select command_id from only command_log_2 where command_id < old_id order by command_id limit p_limit - forgotten
    );
    get diagnostics deleted = row_count;
    forgotten := forgotten + deleted;
    delete from only command_log_3
    where command_id in (
      select command_id from only command_log_3 where command_id < old_id order by command_id limit p_limit - forgotten
    );
    get diagnostics deleted = row_count;
    forgotten := forgotten + deleted;
  end if;
  if forgotten > 0 then
    update command_log_state set forgotten_until = greatest(forgotten_until, oldest_kept) where one_row;
  end if;
  perform empty_old_slot(p_retention_s);
  return forgotten;
end $$;

revoke execute on function forget_commands from public;
grant execute on function forget_commands to taskwire_writer;
