"""Asks every task-reader for the state of its database. Only the status page does, while it is open."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from common.contracts.reader_status import READER_STATUS_PATH, ReaderStatus
from common.observability.health import State
from pydantic import HttpUrl, ValidationError

from gateway.reader_connections import HttpAnswer, ReaderConnections
from gateway.reader_link import credentials
from gateway.settings import GatewaySettings

TIMEOUT_S = 0.8
MAX_READERS = 32


@dataclass(frozen=True)
class Databases:
    """What the task-readers say together, and how many have answered. `lags_s` are by the replica's name; a lag is None
    where it is not known."""

    state: State
    readers: int
    is_late: bool
    lags_s: dict[str, float | None]

    def as_json(self) -> dict[str, object]:
        replicas = [{"server": server, "lag_s": lag_s} for server, lag_s in sorted(self.lags_s.items())]
        return {"state": self.state, "readers": self.readers, "is_late": self.is_late, "replicas": replicas}


async def look_at_databases(settings: GatewaySettings) -> Databases:
    """What each reader behind READER_URL and READER_PRIMARY_URL says within TIMEOUT_S. Raises nothing: one that does
    not answer is left out."""
    urls = [url for url in (settings.reader_url, settings.reader_primary_url) if url is not None]
    found = await asyncio.gather(*(_ask_all(url, settings) for url in urls))
    return _together([one for answers in found for one in answers])


async def _ask_all(url: HttpUrl, settings: GatewaySettings) -> list[ReaderStatus]:
    """Several readers may share a name: each of its addresses is asked."""
    connections = ReaderConnections(url, TIMEOUT_S, credentials(settings))
    answers = await connections.get_from_each(READER_STATUS_PATH, at_most=MAX_READERS, within_s=TIMEOUT_S)
    return [status for answer in answers if (status := _status_in(answer)) is not None]


def _status_in(answer: HttpAnswer) -> ReaderStatus | None:
    try:
        return ReaderStatus.model_validate_json(answer.body) if answer.status == HTTPStatus.OK else None
    except ValidationError:
        return None


def _together(statuses: Iterable[ReaderStatus]) -> Databases:
    """Up if any reader's is; of a replica that several read, the largest lag."""
    said = list(statuses)
    states = {one.database for one in said}
    lags_s: dict[str, float | None] = {}
    for replica in (replica for one in said for replica in one.replicas):
        name = replica.server or "replica"
        known = lags_s.get(name, 0.0)
        lags_s[name] = None if known is None or replica.lag_s is None else max(known, replica.lag_s)
    state: State = next((state for state in ("up", "down") if state in states), "unknown")
    return Databases(state, len(said), any(one.is_late for one in said), lags_s)
