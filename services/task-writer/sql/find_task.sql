-- One task of a user as JSON; null where the user has no such task. Uses tasks_pkey.
create or replace function find_task(p_user_id uuid, p_task_id uuid) returns json
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  asking text;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  return (
    select row_to_json(task)
    from (
      select id, title, description, is_completed,
        to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id
      from tasks
      where id = p_task_id and user_id = p_user_id
    ) as task
  );
end $$;

revoke execute on function find_task from public;
grant execute on function find_task to taskwire_reader;
