"""The tables, for Alembic's autogenerate and the drift test. Services use them only through SQL functions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, CheckConstraint, Column, Index, Text, text
from sqlmodel import Field, SQLModel


class Task(SQLModel, table=True):
    """One task of one user. Row-level security limits a session to the rows of `app.user_id`."""

    __tablename__ = "tasks"
    __table_args__ = (
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
    revision: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))


class UserRevision(SQLModel, table=True):
    """The revision of one user: that of the last committed change of their tasks (ADR 18).

    A user without a row is at the revision of any task of theirs, which is the moment of the migration that brought
    revisions, or at 0 without a task. `previous` has a meaning within `run_commands` only.
    """

    __tablename__ = "user_revisions"

    user_id: UUID = Field(primary_key=True)
    revision: int = Field(sa_type=BigInteger)
    previous: int = Field(sa_type=BigInteger)


class Record(SQLModel):
    """The record of a command, written in the same transaction as its effect (ADR 3).

    `revision` is that of the answer. `previous` is the user's revision before the change, and null where nothing was
    changed: the records that have one are the chain of the user's changes (ADR 18). Records from before there were
    revisions have neither, and no `task_id`.
    """

    command_id: UUID = Field(primary_key=True)
    user_id: UUID
    fingerprint: bytes
    status: str = Field(sa_type=Text)
    task: str | None = Field(default=None, sa_type=Text)
    recorded_at: datetime = Field(
        sa_type=TIMESTAMP(timezone=True),
        sa_column_kwargs={"server_default": text("now()")},
    )
    revision: int | None = Field(default=None, sa_type=BigInteger)
    previous: int | None = Field(default=None, sa_type=BigInteger)
    task_id: UUID | None = Field(default=None)


def _change_index(name: str) -> Index:
    return Index(name, "user_id", "revision", unique=True, postgresql_where=text("previous IS NOT NULL"))


class LoggedCommand(Record, table=True):
    """The command log. The slots inherit from it: a query of the log is one of the slots as well."""

    __tablename__ = "command_log"
    __table_args__ = (Index("idx_command_log_recorded_at", "recorded_at"), _change_index("idx_command_log_change"))


class Slot0(Record, table=True):
    """The first slot of the command log, for the commands of some hours, which are emptied together (ADR 30)."""

    __tablename__ = "command_log_0"
    __table_args__ = (_change_index("idx_command_log_0_change"),)


class Slot1(Record, table=True):
    """The second slot."""

    __tablename__ = "command_log_1"
    __table_args__ = (_change_index("idx_command_log_1_change"),)


class Slot2(Record, table=True):
    """The third slot."""

    __tablename__ = "command_log_2"
    __table_args__ = (_change_index("idx_command_log_2_change"),)


class Slot3(Record, table=True):
    """The last slot, after which the first has its turn again."""

    __tablename__ = "command_log_3"
    __table_args__ = (_change_index("idx_command_log_3_change"),)


class CommandLogState(SQLModel, table=True):
    """One row: records from before `forgotten_until` may have been deleted from the command log, and ids from before
    `slots_from` are in no slot (ADR 30).
    """

    __tablename__ = "command_log_state"
    __table_args__ = (CheckConstraint("one_row"),)

    one_row: bool = Field(primary_key=True, sa_column_kwargs={"server_default": text("true")})
    forgotten_until: datetime = Field(
        sa_column=Column(TIMESTAMP(timezone=True), nullable=False, server_default=text("'-infinity'")),
    )
    slots_from: datetime = Field(
        sa_column=Column(TIMESTAMP(timezone=True), nullable=False, server_default=text("'-infinity'")),
    )
