"""The records of a campaign, and their JSON lines."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from faults.stream_events import StreamEvent

type Verb = Literal[
    "create", "replace", "patch", "flip", "set", "delete", "batch", "get", "list", "page", "sync", "peek"
]
WRITES: frozenset[Verb] = frozenset({"create", "replace", "patch", "flip", "set", "delete", "batch"})

UNREACHABLE = "unreachable"
LOST = "lost"


@dataclass(frozen=True, slots=True)
class Request:
    """A client's request. `peek` gets the task of another user under the client's own user, `sync` the changes since
    the revision that the client has, or all tasks without it, `page` the first tasks of a list, or those behind a
    cursor. A `patch` sets the fields that `changed` names. A `batch` has `operations`, each on a task of its own."""

    verb: Verb
    task_id: str | None = None  # none for create and list
    title: str | None = None  # of create, replace and patch; no two effects of a campaign have the same
    description: str | None = None
    is_completed: bool | None = None  # of create, replace, patch and set
    key: str | None = None  # Idempotency-Key, without its quotes
    since: int | None = None  # of sync
    changed: tuple[str, ...] = ()
    cursor: str | None = None
    operations: tuple["Request", ...] = ()
    if_match: str | None = None  # an entity tag that the client was shown, of a write
    if_none_match: str | None = None  # the same, of get and list


@dataclass(frozen=True, slots=True)
class Operation:
    """One request and what came of it. Times are seconds of one monotonic clock, for all records of a campaign.

    `effect` is the number of the first request of the same write: a retry has that of the write that it repeats, every
    other operation its own. Without an answer `status` is None, and `failure` says whether the request can have reached
    the gateway: `unreachable` when no connection was made, else `lost`.
    """

    client: int
    number: int
    effect: int
    began_s: float
    ended_s: float
    request: Request
    status: int | None
    body: Any = None  # the task, tasks, page, changes or results of a 2xx, the problem's type of an error
    failure: str | None = None
    replayed: bool = False  # Idempotency-Replayed
    gateway: int = 0  # the one that was asked, the last one where another was unreachable
    etag: str | None = None

    @property
    def is_write(self) -> bool:
        return self.request.verb in WRITES

    @property
    def is_refused(self) -> bool:
        """Whether it certainly did nothing."""
        return self.status == 503 or self.failure == UNREACHABLE  # noqa: PLR2004

    @property
    def is_unknown(self) -> bool:
        """Whether it may or may not have been done. After a broken response its effect is unknown, too."""
        return self.failure == LOST or (self.status is not None and self.status >= 500 and self.status != 503)  # noqa: PLR2004

    @property
    def is_answered(self) -> bool:
        return not self.is_refused and not self.is_unknown


@dataclass(frozen=True, slots=True)
class Injury:
    """One fault: from its beginning to the moment at which the part was back, as far as that part can be asked.

    Injuries of the same `round` overlap. `holds_transactions`: what it holds up can be a transaction that began in
    time, and that goes on afterwards. `holds_requests`: a request may have reached the gateway late. `skipped`: why it
    could not be made; half of it, if any, was undone.
    """

    round: int
    kind: str
    part: str
    began_s: float
    back_s: float
    holds_transactions: bool = False
    holds_requests: bool = False
    skipped: str | None = None
    is_back: bool = True  # False when the part did not come back in time

    @property
    def name(self) -> str:
        """What was done to which part, and whether it was."""
        mark = " (skipped)" if self.skipped is not None else "" if self.is_back else " (not back)"
        return f"{self.kind} {self.part}{mark}"


@dataclass(frozen=True, slots=True)
class FinalState:
    """All tasks of one user after the end, as PostgreSQL or the API has them, or the changes since the revision of the
    client's last sync. `began_s` is when reading began."""

    client: int
    source: Literal["postgresql", "api", "changes"]
    began_s: float
    tasks: Any


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was planned: the first line of a history. `users[i]` is the user of client i."""

    seed: int
    seconds: float
    clients: int
    users: tuple[str, ...]
    write_deadline_s: float = 2.0
    gateways: int = 1


@dataclass
class History:
    """All records, operations in the order of each client's own numbers."""

    campaign: Campaign
    operations: list[Operation] = field(default_factory=list)
    injuries: list[Injury] = field(default_factory=list)
    final: list[FinalState] = field(default_factory=list)
    streamed: list[StreamEvent] = field(default_factory=list)

    @property
    def made(self) -> list[Injury]:
        """The injuries that were not skipped."""
        return [injury for injury in self.injuries if injury.skipped is None]

    def revision_of(self, client: int) -> int:
        """That of the client's last sync, or 0."""
        syncs = (one for one in reversed(self.of_client(client)) if one.request.verb == "sync" and one.status == 200)  # noqa: PLR2004
        last = next(syncs, None)
        return 0 if last is None else int(last.body["revision"])

    def of_client(self, client: int) -> list[Operation]:
        """The operations of one client, as it did them."""
        return [operation for operation in self.operations if operation.client == client]


def write_history(path: Path, history: History) -> None:
    """One JSON object a line: the campaign, then each record with its kind."""
    records: Iterable[Any] = (*history.operations, *history.injuries, *history.final, *history.streamed)
    with path.open("w") as file:
        for record in (history.campaign, *records):
            file.write(json.dumps({"record": type(record).__name__, **asdict(record)}, separators=(",", ":")) + "\n")


def read_history(path: Path) -> History:
    """The history that write_history wrote. ValueError where the file is none."""
    with path.open() as file:
        lines = (json.loads(line) for line in file)
        first: dict[str, Any] = next(lines, {})
        if first.pop("record", None) != Campaign.__name__:
            raise ValueError(f"{path} is no history of a campaign")
        history = History(Campaign(**{**first, "users": tuple(first["users"])}))
        _sort_in(history, lines)
    return history


def _sort_in(history: History, lines: Iterator[Mapping[str, Any]]) -> None:
    for line in lines:
        values = dict(line)
        match values.pop("record"):
            case Operation.__name__:
                history.operations.append(Operation(**{**values, "request": _request(values["request"])}))
            case Injury.__name__:
                history.injuries.append(Injury(**values))
            case FinalState.__name__:
                history.final.append(FinalState(**values))
            case StreamEvent.__name__:
                history.streamed.append(StreamEvent(**values))
            case other:
                raise ValueError(f"a history has no {other}")


def _request(values: Mapping[str, Any]) -> Request:
    operations = tuple(_request(one) for one in values.get("operations", ()))
    return Request(**{**values, "changed": tuple(values.get("changed", ())), "operations": operations})
