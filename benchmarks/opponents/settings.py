"""The opponents' settings: the only module here that reads the environment."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class OpponentSettings(BaseSettings):
    """Every variable that an opponent reads.

    Of 4, 8 and 16 connections per worker, 16 is the size with which the opponents do best: the tuned one's writes gain
    from more commits at once, and nothing else differs by more than the rounds of one measurement do.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr = Field(description="PostgreSQL address of its own database")
    pool_size: int = Field(16, ge=1, description="database connections per worker")


def load() -> OpponentSettings:
    """Reads the environment; pydantic's ValidationError where a variable is missing or wrong."""
    return OpponentSettings()
