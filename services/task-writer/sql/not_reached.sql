-- What is answered in place of a read that must not be older than a revision: null where the user has reached it, else
-- 'behind' on a replica, which may reach it yet, or 'unreached' on the primary, which knows no such change (ADR 26). Uses
-- user_revisions_pkey. A user without a row there is at the revision of any task, as in read_tasks.sql.
--
-- It is stable, so that it sees the database as the caller's statement does. What that statement reads is as new or newer.
create or replace function not_reached(p_user_id uuid, p_revision bigint) returns text
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
  asking text;
  reached bigint;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  reached := (select revision from user_revisions where user_id = p_user_id);
  if reached is null then
    reached := coalesce((select revision from tasks where user_id = p_user_id order by created_at desc limit 1), 0);
  end if;
  return case when reached < p_revision then case when pg_is_in_recovery() then 'behind' else 'unreached' end end;
end $$;

revoke execute on function not_reached from public;
grant execute on function not_reached to taskwire_reader;
