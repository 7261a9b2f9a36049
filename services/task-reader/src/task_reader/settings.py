"""The task-reader's settings."""

from common.postgres.database import PostgresUrl
from common.settings import AdminSettings, DatabaseSettings, HttpSettings, ReaderTokenSettings, TraceSettings
from pydantic import Field


class ReaderSettings(HttpSettings, AdminSettings, TraceSettings, DatabaseSettings, ReaderTokenSettings):
    """Every variable that the task-reader reads."""

    reader_database_url: PostgresUrl = Field(
        description="PostgreSQL address with the reader's role, which may only select"
    )
