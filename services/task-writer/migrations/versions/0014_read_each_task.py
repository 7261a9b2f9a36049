"""Make the function that reads one task of each of many users (ADR 9)."""

from alembic import op

revision = "0014_read_each_task"
down_revision = "0013_slots"
branch_labels = None
depends_on = None

READ_EACH_TASK = r"""
create or replace function read_each_task(p_user_ids uuid[], p_task_ids uuid[], p_known_revisions bigint[])
returns setof text
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
  asking text;
  answer text;
begin
  for place in 1 .. cardinality(p_user_ids) loop
    asking := set_config('app.user_id', p_user_ids[place]::text, true);
    select found.revision || case
        when found.revision is distinct from p_known_revisions[place] then ' ' || row_to_json(task)::text
        else ''
      end
    into answer  -- null where there is none
    from tasks as found
    cross join lateral (
      select found.id, found.title, found.description, found.is_completed,
        to_char(found.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, found.user_id
    ) as task
    where found.id = p_task_ids[place] and found.user_id = p_user_ids[place];
    return next answer;
  end loop;
end $$;

revoke execute on function read_each_task from public;
grant execute on function read_each_task to taskwire_reader;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute(READ_EACH_TASK)


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("drop function if exists read_each_task")
