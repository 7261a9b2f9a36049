"""Create the tables of tasks, of the command log, and of the log's state."""

import sqlalchemy as sa
from alembic import op

revision = "0001_tables"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("description", sa.String(2000), nullable=True),
        sa.Column("is_completed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("user_id", sa.Uuid, nullable=False),
    )
    op.create_index("idx_task_user_id", "tasks", ["user_id"])
    op.create_index("idx_task_user_created", "tasks", ["user_id", sa.text("created_at DESC")])

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

    op.create_table(
        "command_log_state",
        sa.Column("one_row", sa.Boolean, sa.CheckConstraint("one_row"), primary_key=True, server_default=sa.true()),
        sa.Column("forgotten_until", sa.TIMESTAMP(timezone=True), nullable=False, server_default="-infinity"),
    )
    op.execute("insert into command_log_state default values")


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.drop_table("command_log_state")
    op.drop_table("command_log")
    op.drop_table("tasks")
