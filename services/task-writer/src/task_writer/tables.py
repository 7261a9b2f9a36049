"""The tables, for Alembic's autogenerate and the drift test. Services use them only through SQL functions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, CheckConstraint, Column, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel


class Task(SQLModel, table=True):
    """One task of one user. Row-level security limits a session to the rows of `app.user_id`."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("idx_task_user_id", "user_id"),
        Index("idx_task_user_created_id", "user_id", text("created_at DESC"), text("id DESC")),
        Index("idx_task_user_title", "user_id", "title", "id"),  # title collate "C", which Alembic does not compare
    )

    id: UUID = Field(primary_key=True)
    title: str = Field(max_length=255)
    description: str | None = Field(default=None, max_length=2000)
    is_completed: bool = Field(sa_column_kwargs={"server_default": text("false")})
    created_at: datetime = Field(
        sa_column=Column(TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    )
    user_id: UUID


class LoggedCommand(SQLModel, table=True):
    """The record of a command, written in the same transaction as its effect (ADR 3)."""

    __tablename__ = "command_log"
    __table_args__ = (Index("idx_command_log_recorded_at", "recorded_at"),)

    command_id: UUID = Field(primary_key=True)
    user_id: UUID
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    task: str | None = Field(default=None, sa_column=Column(Text))
    recorded_at: datetime = Field(
        sa_column=Column(TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    )


class CommandLogState(SQLModel, table=True):
    """One row: records from before `forgotten_until` may have been deleted from the command log."""

    __tablename__ = "command_log_state"
    __table_args__ = (CheckConstraint("one_row"),)

    one_row: bool = Field(primary_key=True, sa_column_kwargs={"server_default": text("true")})
    forgotten_until: datetime = Field(
        sa_column=Column(TIMESTAMP(timezone=True), nullable=False, server_default=text("'-infinity'")),
    )
