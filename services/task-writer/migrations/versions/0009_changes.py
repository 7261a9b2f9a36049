"""Let the task-reader read what has changed since a revision, from the command log (ADR 20).

The reader may see the columns that make the chain of changes, and neither what was asked nor what was answered;
row-level security shows it one user's rows at a time, as those of tasks. The policies by which a clean-up reaches old
records of all users are for the task-writer alone from now on: before, nobody else could read the log.
"""

from alembic import op

revision = "0009_changes"
down_revision = "0008_reads_with_revisions"
branch_labels = None
depends_on = None

READ_CHANGES = r"""
create or replace function read_changes(p_user_id uuid, p_since bigint, p_known_revision bigint) returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
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
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    for policy in ("command_log_old_seen", "command_log_old_deleted"):
        op.execute(f"alter policy {policy} on command_log to taskwire_writer")
    op.execute("grant select (user_id, revision, previous, task_id) on command_log to taskwire_reader")
    op.execute(READ_CHANGES)


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("drop function if exists read_changes")
    op.execute("revoke select (user_id, revision, previous, task_id) on command_log from taskwire_reader")
    for policy in ("command_log_old_seen", "command_log_old_deleted"):
        op.execute(f"alter policy {policy} on command_log to public")
