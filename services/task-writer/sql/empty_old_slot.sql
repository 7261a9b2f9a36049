-- Empties one slot of the command log whose records are all older than p_retention_s seconds, an hour at least: 'emptied',
-- 'in_use' when somebody reads it now, or 'none'. Its cost does not depend on the number of records (docs/adr/0030).
--
-- The one function with its owner's rights: the services' roles may not truncate, nor choose what is truncated. It waits
-- 0.1 s for its lock at most, because the look-up of a repeat and a read of changes wait behind it. Recording in another
-- slot does not.
create or replace function empty_old_slot(p_retention_s double precision) returns text
language plpgsql
strict
security definer
set search_path = pg_catalog, public, pg_temp
set lock_timeout = '100ms'
as $$
declare
  retention_s double precision := greatest(p_retention_s, 3600);
  this_tick bigint := floor(date_part('epoch', now()) * 1000 / 65536);
  old bigint := (
    select slot
    from (
      values
        (0, pg_relation_size('command_log_0')), (1, pg_relation_size('command_log_1')),
        (2, pg_relation_size('command_log_2')), (3, pg_relation_size('command_log_3'))
    ) as slots (slot, bytes)
    where bytes > 0 and slot_is_old(slot, this_tick, retention_s)
    order by slot
    limit 1
  );
begin
  case old
    when 0 then truncate only command_log_0;
    when 1 then truncate only command_log_1;
    when 2 then truncate only command_log_2;
    when 3 then truncate only command_log_3;
    else return 'none';
  end case;
  update command_log_state
  set forgotten_until = greatest(forgotten_until, now() - make_interval(secs => retention_s));
  return 'emptied';
exception when lock_not_available then
  return 'in_use';
end $$;

revoke execute on function empty_old_slot from public;
grant execute on function empty_old_slot to taskwire_writer;
