-- One task of a user: its revision, a space and its JSON, or the revision alone where that is p_known_revision; null where
-- the user has no such task. Uses tasks_pkey.
create or replace function read_task(p_user_id uuid, p_task_id uuid, p_known_revision bigint) returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  asking text;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  return (
    select found.revision || case
      when found.revision is distinct from p_known_revision then ' ' || row_to_json(task)::text
      else ''
    end
    from tasks as found
    cross join lateral (
      select found.id, found.title, found.description, found.is_completed,
        to_char(found.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, found.user_id
    ) as task
    where found.id = p_task_id and found.user_id = p_user_id
  );
end $$;

revoke execute on function read_task from public;
grant execute on function read_task to taskwire_reader;
