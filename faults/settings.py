"""The campaign's settings: the only module here that reads the environment. `make faults SECONDS=60` sets it."""

import secrets
from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class FaultsSettings(BaseSettings):
    """Every variable that the campaign reads; an empty one counts as not set."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    seconds: PositiveFloat = Field(600, description="how long faults are made")
    seed: NonNegativeInt = Field(
        default_factory=lambda: secrets.randbelow(1_000_000), description="what faults and requests are chosen with"
    )
    clients: PositiveInt = Field(24, description="users that are at it at once, one operation at a time each")
    cluster: bool = Field(False, description="whether containers are broken, with three nodes of every server")
    min_faults: NonNegativeInt = Field(0, description="exit with status 1 when there were fewer")
    faults_dir: Path = Field(Path(".stack-faults"), description="where histories and logs are kept")


def load() -> FaultsSettings:
    """Reads the environment; pydantic's ValidationError where a variable is wrong."""
    return FaultsSettings()
