"""Make the function by which a reader tells whether a user has reached a revision (ADR 26)."""

from alembic import op

revision = "0012_min_revision"
down_revision = "0011_keyed_lists"
branch_labels = None
depends_on = None

NOT_REACHED = r"""
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
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute(NOT_REACHED)


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("drop function if exists not_reached")
