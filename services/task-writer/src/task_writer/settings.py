"""The task-writer's settings, and those of its migrations."""

from common.postgres.urls import PostgresUrl, PrimaryUrl
from common.settings import (
    AdminSettings,
    BusSettings,
    DatabaseSettings,
    Seconds,
    ServiceSettings,
    ShortCount,
    TraceSettings,
)
from pydantic import Field

MAX_CONCURRENT_BATCHES = 15
"""RabbitMQ keeps the order of a channel while at most 32 of its acknowledgements and messages are on their way to the
leader of a quorum queue; each batch may have one of both (common/bus/barrier.py)."""


class CommandLogSettings(ServiceSettings):
    """How long the command log keeps what it has."""

    command_log_retention_h: float = Field(24.0, ge=1, le=87_600, description="retention of the command log, in hours")


class WriterSettings(AdminSettings, TraceSettings, BusSettings, DatabaseSettings, CommandLogSettings):
    """Every variable that the task-writer reads."""

    writer_database_url: PrimaryUrl = Field(description="PostgreSQL address with the writer's role, without DDL")
    concurrent_batches: ShortCount = Field(
        4,
        le=MAX_CONCURRENT_BATCHES,
        description="maximum concurrent batches per writer, one transaction each; up to 15",
    )
    command_log_cleanup_interval_s: Seconds = Field(60.0, description="pause between clean-ups of the command log")


class DeadLetterSettings(BusSettings, CommandLogSettings):
    """Every variable that `task-writer dead-letters` reads. The retention must be that of the running task-writers."""

    writer_database_url: PrimaryUrl | None = Field(
        None, description="PostgreSQL address with the writer's role, to see what may be replayed safely"
    )


class MigrationSettings(ServiceSettings):
    """Every variable that `task-writer migrate` reads."""

    database_url: PrimaryUrl = Field(
        description="PostgreSQL address with the owner's role, without a pooler; for migrations"
    )
    writer_database_url: PrimaryUrl | None = Field(None, description="when set, `migrate` gives its role this password")
    reader_database_url: PostgresUrl | None = Field(
        None, description="when set, `migrate` gives its role this password"
    )
