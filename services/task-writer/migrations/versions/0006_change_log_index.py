"""Make the command log readable as the log of a user's changes, and let no revision be there twice (ADR 18).

Outside of a transaction, so that nobody waits while a large log is read. A run that broke off leaves an invalid index;
the next run drops it first.
"""

from alembic import op

revision = "0006_change_log_index"
down_revision = "0005_revisions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = '1min'; set statement_timeout = '15min'")
        op.execute("drop index concurrently if exists idx_command_log_change")
        op.execute(
            "create unique index concurrently idx_command_log_change on command_log (user_id, revision)"
            " where previous is not null"
        )
        op.execute("reset lock_timeout; reset statement_timeout")


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = '1min'; set statement_timeout = '15min'")
        op.execute("drop index concurrently if exists idx_command_log_change")
        op.execute("reset lock_timeout; reset statement_timeout")
