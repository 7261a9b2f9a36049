"""The benchmarks' settings: the only module here that reads the environment. `make bench QUICK=1` sets it."""

from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class BenchSettings(BaseSettings):
    """Every variable that the benchmarks read; an empty one counts as not set."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    quick: bool = Field(False, description="fewer and shorter rounds: a first look")
    strict: bool = Field(False, description="exit with status 1 when a goal is not reached")
    requests: PositiveInt = Field(1_000_000, description="how many requests a soak sends")
    streams: PositiveInt = Field(10_000, description="how many event streams are opened")


def load() -> BenchSettings:
    """Reads the environment; pydantic's ValidationError where a variable is wrong."""
    return BenchSettings()
