"""The task-reader's settings."""

from common.postgres.urls import PostgresUrl
from common.settings import (
    AdminSettings,
    ByteCount,
    DatabaseSettings,
    HttpSettings,
    ReaderTokenSettings,
    Seconds,
    TraceSettings,
)
from pydantic import Field


class ReaderSettings(HttpSettings, AdminSettings, TraceSettings, DatabaseSettings, ReaderTokenSettings):
    """Every variable that the task-reader reads."""

    reader_database_url: PostgresUrl = Field(
        description="PostgreSQL address with the reader's role, which may only select"
    )
    replica_max_lag_s: Seconds = Field(
        10.0, description="how far the database may be behind its primary; then 503. A primary never is"
    )
    list_cache_bytes: ByteCount = Field(
        64 * 1024 * 1024, description="memory for lists that may be asked for again, per process; 0: none is kept"
    )
