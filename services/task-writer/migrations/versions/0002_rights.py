"""Enable row-level security, and grant the services' roles only the rights that they need.

A session sees and changes only the rows of the user in `app.user_id`; without it, none. FORCE applies this to the
owner, too. A later revision that changes rows must lift it for its own transaction with
`alter table … no force row level security`, and force it again.

A session with `app.housekeeping = 'on'` can see and delete old records of the command log of all users, for the
clean-up, but not records that may still answer a repeat.

By default every role may create temporary tables, which would precede ours in the search path of other statements on
the same connection, and before version 15 also tables in the schema public. Only the owner of the database can revoke
these rights; for others `revoke` does nothing, and `task-writer migrate` warns.
"""

from alembic import op

revision = "0002_rights"
down_revision = "0001_tables"
branch_labels = None
depends_on = None

OF_USER = "user_id = nullif(current_setting('app.user_id', true), '')::uuid"
OLD_RECORD = "current_setting('app.housekeeping', true) = 'on' and recorded_at < now() - interval '1 hour'"
ON_THE_DATABASE = "do $$ begin execute format('{} on database %I {} public', current_database()); end $$"


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    for table in ("tasks", "command_log"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy {table}_of_user on {table} using ({OF_USER}) with check ({OF_USER})")
    op.execute(f"create policy command_log_old_seen on command_log for select using ({OLD_RECORD})")
    op.execute(f"create policy command_log_old_deleted on command_log for delete using ({OLD_RECORD})")

    op.execute(ON_THE_DATABASE.format("revoke temporary", "from"))
    op.execute("revoke create on schema public from public")
    op.execute("grant usage on schema public to taskwire_writer, taskwire_reader")
    op.execute("grant select, insert, update, delete on tasks to taskwire_writer")
    op.execute("grant select, insert, delete on command_log to taskwire_writer")
    op.execute("grant select, update on command_log_state to taskwire_writer")
    op.execute("grant select on tasks to taskwire_reader")


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("revoke select on tasks from taskwire_reader")
    op.execute("revoke select, update on command_log_state from taskwire_writer")
    op.execute("revoke select, insert, delete on command_log from taskwire_writer")
    op.execute("revoke select, insert, update, delete on tasks from taskwire_writer")
    op.execute("revoke usage on schema public from taskwire_writer, taskwire_reader")
    op.execute(ON_THE_DATABASE.format("grant temporary", "to"))

    op.execute("drop policy command_log_old_deleted on command_log")
    op.execute("drop policy command_log_old_seen on command_log")
    for table in ("command_log", "tasks"):
        op.execute(f"drop policy {table}_of_user on {table}")
        op.execute(f"alter table {table} no force row level security")
        op.execute(f"alter table {table} disable row level security")
