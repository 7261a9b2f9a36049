-- One task of each of many users: for each place of the arrays a row in their order, as read_task.sql answers it. An array
-- of revisions that is null has none. Uses tasks_pkey.
--
-- It repeats what read_task.sql says: a call of that function for each would pay for its settings each time. It is one
-- statement, not a loop of them, each of which PostgreSQL would have to set up: that is half of what a task costs.
--
-- Each place names its user to row-level security, and then looks for the task with what set_config has returned: nothing
-- can be looked for before its user is named. `offset 0` keeps PostgreSQL from merging the two selects, and `lateral` has it
-- take place after place, which is their order too: an `order by` would let it name all users before the first is looked for.
-- force_generic_plan: PostgreSQL would plan for the length of the arrays each time.
create or replace function read_each_task(p_user_ids uuid[], p_task_ids uuid[], p_known_revisions bigint[])
returns setof text
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select found.answer  -- null where there is none
  from (
    select set_config('app.user_id', user_id::text, true)::uuid as user_id, task_id, known_revision
    from unnest(p_user_ids, p_task_ids, p_known_revisions) as given (user_id, task_id, known_revision)
    offset 0
  ) as asked
  left join lateral (
    select one.revision || case
      when one.revision is distinct from asked.known_revision then ' ' || row_to_json(task)::text
      else ''
    end as answer
    from tasks as one
    cross join lateral (
      select one.id, one.title, one.description, one.is_completed,
        to_char(one.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, one.user_id
    ) as task
    where one.id = asked.task_id and one.user_id = asked.user_id
    offset 0
  ) as found on true;
end $$;

revoke execute on function read_each_task from public;
grant execute on function read_each_task to taskwire_reader;
