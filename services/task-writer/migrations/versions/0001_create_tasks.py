"""Create the table of tasks and its indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0001_create_tasks"
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


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.drop_table("tasks")
