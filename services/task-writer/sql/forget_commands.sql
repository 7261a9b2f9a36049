-- Deletes up to p_limit records of the command log that are older than p_retention_s seconds; how many there were.
-- Uses idx_command_log_recorded_at. The one function that works over all users: a policy of its own shows it old
-- records, and nothing else. Two at once do no harm.
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
