-- Whether all records that a slot of the command log can have at a tick are older than p_retention_s seconds (docs/adr/0030).
--
-- The newest ids in a slot are of its last turn, which has begun for whoever is up to 24 ticks ahead of the clock; the
-- newest record was written up to 24 ticks after the end of that turn. run_commands keeps both to 16.
create or replace function slot_is_old(p_slot bigint, p_tick bigint, p_retention_s double precision) returns boolean
language plpgsql
immutable
set search_path = pg_catalog, public, pg_temp
as $$
declare
  ticks_of_turn constant bigint := 512;
  margin constant bigint := 24;
  newest_turn bigint := (p_tick + margin) / ticks_of_turn;
  last_turn bigint := newest_turn - (newest_turn - p_slot) % 4;
begin
  return (last_turn + 1) * ticks_of_turn + margin + ceil(p_retention_s * 1000 / 65536) <= p_tick;
end $$;

revoke execute on function slot_is_old from public;
