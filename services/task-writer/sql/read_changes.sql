-- What has changed of a user since a revision: the revision reached, a space and {"revision", "changed", "deleted"} as JSON,
-- or the revision alone where that is p_known_revision; null where the command log cannot tell, or more than 500 changes
-- were made.
--
-- Uses user_revisions_pkey, idx_command_log_change and its like of each slot (docs/adr/0030), and tasks_pkey once for each
-- task that was changed. The cost is that of the changes, whatever else the user, the log and the others have: a slot
-- is empty at times, and without enable_seqscan a plan from then would be kept that reads all of it.
--
-- Each record of a change names the revision before it. So the log tells everything where the first record after p_since
-- names p_since, each the one before it, and the last has the revision reached. Any gap breaks the chain: records that were
-- deleted, a revision of another database or of a lost transaction, one that this user never had (docs/adr/0018).
--
-- One statement, so that revision, log and tasks are of one snapshot. All that depends on the chain is in a case or a
-- condition on it: where it is broken, no task is looked at. JSON and the plan for every user: as in read_tasks.sql.
create or replace function read_changes(p_user_id uuid, p_since bigint, p_known_revision bigint) returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  max_changes constant integer := 500;
  asking text;
  owner text := p_user_id;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  return (
    with chain as materialized (
      select revision, task_id, previous = lag(revision, 1, p_since) over (order by revision) as follows
      from (
        select revision, task_id, previous
        from command_log
        where user_id = p_user_id and revision > p_since and previous is not null
        order by revision
        limit max_changes + 1
      ) as logged
    )
    select reached.revision || case when reached.revision is distinct from p_known_revision then (
      select ' {"revision": ' || reached.revision || ', "changed": ' || coalesce((
          json_agg(
            case when task.created_at = task.created_at::timestamptz(5) then ending_in_zero else as_it_is end
            order by task.created_at desc, task.id desc
          ) filter (where task.id is not null)
        )::text, '[]') || ', "deleted": ' || coalesce((
          json_agg(touched.task_id order by touched.task_id) filter (where task.id is null)
        )::text, '[]') || '}'
      from (select distinct task_id from chain) as touched
      left join lateral (
        select id, title, description, is_completed, created_at
        from tasks
        where id = touched.task_id and user_id = p_user_id
        limit 1
      ) as task on true
      cross join lateral (
        select task.id, task.title, task.description, task.is_completed, task.created_at, owner as user_id
      ) as as_it_is
      cross join lateral (
        select task.id, task.title, task.description, task.is_completed,
          to_char(task.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, owner as user_id
      ) as ending_in_zero
    ) else '' end
    from (
      select coalesce(
        (select revision from user_revisions where user_id = p_user_id),
        (select revision from tasks where user_id = p_user_id limit 1),
        0
      ) as revision
      offset 0
    ) as reached
    cross join (
      select count(*) as changes, coalesce(max(revision), p_since) as latest,
        coalesce(bool_and(follows), true) as is_whole
      from chain
    ) as told
    where told.is_whole and told.latest = reached.revision and told.changes <= max_changes
  );
end $$;

revoke execute on function read_changes from public;
grant execute on function read_changes to taskwire_reader;
