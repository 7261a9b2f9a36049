"""Create the log of commands that were carried out: what makes a redelivered command change nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0002_create_command_log"
down_revision = "0001_create_tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.create_table(
        "command_log",
        sa.Column("command_id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=True),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()")),
    )
    op.create_index("idx_command_log_recorded_at", "command_log", ["recorded_at"])


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.drop_table("command_log")
