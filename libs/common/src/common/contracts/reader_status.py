"""What a task-reader says of its database at READER_STATUS_PATH, for the gateways' status page."""

from pydantic import BaseModel, ConfigDict

from common.observability.health import State

READER_STATUS_PATH = "/status"


class ReplicaLag(BaseModel):
    """A replica that was seen lately. `server` is None where PostgreSQL does not tell, `lag_s` where it is unknown."""

    model_config = ConfigDict(frozen=True)

    server: str | None
    lag_s: float | None


class ReaderStatus(BaseModel):
    """The last known state. Without replicas the database is a primary, or has not been looked at yet."""

    model_config = ConfigDict(frozen=True)

    database: State
    is_late: bool
    """Whether reads are refused, because a replica is too far behind."""
    replicas: list[ReplicaLag] = []
