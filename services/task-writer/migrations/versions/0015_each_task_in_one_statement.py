"""Let the function that reads one task of each of many users do so in one statement (ADR 9)."""

from alembic import context, op

revision = "0015_each_task_in_one_statement"
down_revision = "0014_read_each_task"
branch_labels = None
depends_on = None

READ_EACH_TASK = r"""
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
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute(READ_EACH_TASK)


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute(context.script.get_revision("0014_read_each_task").module.READ_EACH_TASK)
