-- All tasks of a user, newest first: the user's revision, a space and a JSON array, or the revision alone where that is
-- p_known_revision: then no task is looked at. Uses user_revisions_pkey and idx_task_user_created_id.
--
-- The function is stable, so that all of its statements see the database as the caller's statement does: the revision is
-- that of the tasks. A user without a row in user_revisions is at the revision of any task (docs/adr/0018); the order keeps
-- PostgreSQL from looking through the tasks of all users for one. concat copies a long list fewer times than ||.
--
-- A time in JSON ends at its last digit that is not 0, and ours have six. Spelling every time with to_char takes a
-- quarter longer for 1,000 tasks; so only those that need it (one of ten) are spelled like that. The user is the same in
-- every row, and turned into text once.
--
-- One plan for every user: PostgreSQL knows how many tasks a user has, so a plan for that user looks cheaper to it, and
-- without this it plans anew in every call, which takes longer than a list of 20.
create or replace function read_tasks(p_user_id uuid, p_known_revision bigint) returns text
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  asking text;
  owner text := p_user_id;
  reached bigint;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  reached := (select revision from user_revisions where user_id = p_user_id);
  if reached is null then
    reached := coalesce((select revision from tasks where user_id = p_user_id order by created_at desc limit 1), 0);
  end if;
  if reached = p_known_revision then
    return reached;
  end if;
  return concat(reached, ' ', (
    select coalesce(json_agg(
      case when task.created_at = task.created_at::timestamptz(5) then ending_in_zero else as_it_is end
    ), '[]')
    from (
      select id, title, description, is_completed, created_at
      from tasks
      where user_id = p_user_id
      order by created_at desc, id desc
    ) as task
    cross join lateral (
      select task.id, task.title, task.description, task.is_completed, task.created_at, owner as user_id
    ) as as_it_is
    cross join lateral (
      select task.id, task.title, task.description, task.is_completed,
        to_char(task.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, owner as user_id
    ) as ending_in_zero
  ));
end $$;

revoke execute on function read_tasks from public;
grant execute on function read_tasks to taskwire_reader;
