"""The clients: each has one user, does one operation at a time, and records it."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

import httpx

from faults.answers import CREATED, OK
from faults.history import UNREACHABLE, WRITES, Operation, Request, Verb
from faults.library import LibraryUser, as_library_asks, uses_library
from faults.model import UserModel
from faults.parts import is_settled
from faults.wire import Ask, ask_as_user

_MOST_TASKS, _MOST_PENDING = 10, 2
_RETRIES = 6
_PAUSE_AFTER_FAILURE_S = 0.1  # at most
_FORGET_PENDING_AFTER_S = 10.0  # the client's own guess; the checker knows better
_CONDITIONAL = 0.25  # of the requests that may have a condition
_OPERATIONS: tuple[Verb, ...] = ("replace", "patch", "flip", "set", "delete")  # of a batch, on tasks that are there
_FIELDS = ("title", "description", "is_completed")
_CHOICES: dict[Verb, int] = {
    "create": 4,
    "replace": 4,
    "patch": 4,
    "flip": 6,
    "set": 2,
    "delete": 3,
    "batch": 3,
    "get": 6,
    "list": 3,
    "page": 3,
    "sync": 3,
    "peek": 2,
}


@dataclass
class Load:
    """State that all clients share."""

    gateway_urls: Sequence[str]
    record: Callable[[Operation], None]
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    answer_within_s: float = 12.0  # longer than any stop of a part and the deadline after it
    pause_s: float = 0.03  # between two operations of a client, at most
    seen: list[tuple[int, str]] = field(default_factory=list)  # the latest tasks, with their owners, to peek at


class Client:
    """One user, with an exact model of its tasks. All choices come from the seed.

    Half of the clients begin at each gateway. One that is not there, so that no connection is made and no byte sent, is
    passed over for the next, as a load balancer does it; and a write is sent again, under its key, to the next one.
    Every third client opens a connection for each request, the others keep theirs. Every fourth uses the Python library
    instead (library.py), on one gateway.
    """

    def __init__(self, number: int, seed: int, load: Load) -> None:
        self.choice = random.Random(f"{seed} client {number}")  # noqa: S311 - to be repeated, not to be secret
        self.user_id = str(UUID(int=self.choice.getrandbits(128), version=4))
        self.number = number
        self._gateway = number // 2  # the first that it asks, of those that there are
        self._uses_library = uses_library(number)
        self._insists = (
            number % 2 == 1 and not self._uses_library
        )  # sends a write with a key until it knows the outcome
        self._load = load
        self._done = 0
        self._model = UserModel(self.user_id, lambda operation: operation.ended_s + _FORGET_PENDING_AFTER_S)
        self._check_of_unknown: Request | None = None  # a read that shows the effect of the last write
        self._list_tag: str | None = None
        self._cursor: str | None = None  # of the next page

    async def run(self) -> None:
        """Works until the load ends; then finishes the current operation."""
        limits = httpx.Limits(max_connections=4, max_keepalive_connections=2 if self.number % 3 else 0)
        async with httpx.AsyncClient(timeout=self._load.answer_within_s, limits=limits, trust_env=False) as http:
            ask = (
                LibraryUser(self.user_id, http).ask if self._uses_library else partial(ask_as_user, http, self.user_id)
            )
            while not self._load.ending.is_set():
                operation = await self._carry_out(ask, self._next_request())
                pause_s = self._load.pause_s if operation.is_answered else _PAUSE_AFTER_FAILURE_S
                await asyncio.sleep(self.choice.uniform(0, pause_s))

    async def _carry_out(self, ask: Ask, request: Request) -> Operation:
        """The request, and its repetitions under the same key."""
        operation = await self._once(ask, request, self._done)
        for again in range(_RETRIES if request.key else 0):
            if is_settled(operation) or self._load.ending.is_set():
                break
            await asyncio.sleep(self.choice.uniform(0, _PAUSE_AFTER_FAILURE_S))
            operation = await self._once(ask, request, operation.effect, turn=again + 1)
        if operation.is_write and (operation.is_unknown or not is_settled(operation)):
            self._check_of_unknown = Request("get", operation.request.task_id) if request.task_id else Request("list")
        elif not operation.is_write and operation.is_answered:
            self._check_of_unknown = None
        return operation

    async def _once(self, ask: Ask, request: Request, effect: int, *, turn: int = 0) -> Operation:
        began_s = time.monotonic()
        urls = self._load.gateway_urls
        for asked in range(self._gateway + turn, self._gateway + turn + len(urls)):
            gateway = asked % len(urls)
            status, body, failure, headers = await ask(urls[gateway], request)
            if failure != UNREACHABLE:
                break
        operation = Operation(
            client=self.number,
            number=self._done,
            effect=effect,
            began_s=began_s,
            ended_s=time.monotonic(),
            request=request,
            status=status,
            body=body,
            failure=failure,
            replayed=headers.get("Idempotency-Replayed") == "true",
            gateway=gateway,
            etag=headers.get("ETag"),
        )
        self._done += max(1, len(request.operations))
        self._load.record(operation)
        self._model.judge(operation)
        self._remember(operation)
        return operation

    def _remember(self, operation: Operation) -> None:
        """Keeps what later requests name: a list's entity tag, a cursor, a task for others to peek at."""
        verb, body = operation.request.verb, operation.body
        if operation.status == CREATED and verb == "create":
            self._load.seen.append((self.number, body["id"]))
            del self._load.seen[:-100]
        elif operation.status == OK and verb == "list":
            self._list_tag = operation.etag
        elif verb == "page":
            self._cursor = body["next"] if operation.status == OK else None

    def _next_request(self) -> Request:
        request = self._chosen()
        return as_library_asks(request) if self._uses_library else request

    def _chosen(self) -> Request:
        if self._check_of_unknown is not None:
            return self._check_of_unknown
        tasks = list(self._model.tasks())
        own = [task_id for task_id, pending in tasks if pending < _MOST_PENDING]
        verb = self.choice.choices(list(_CHOICES), list(_CHOICES.values()))[0]
        if verb == "create" and len(tasks) >= _MOST_TASKS:
            verb = "list"
        elif verb not in {"list", "page", "sync", "peek"} and not own:
            verb = "create"
        if verb == "batch":
            return self._keyed(self._batch(own, may_create=len(tasks) < _MOST_TASKS))
        if verb in WRITES:
            return self._keyed(self._write(verb, None if verb == "create" else self.choice.choice(own), self._done))
        return self._read(verb, own)

    def _read(self, verb: Verb, own: Sequence[str]) -> Request:
        others = [task_id for owner, task_id in self._load.seen if owner != self.number]
        if verb == "sync":
            return Request("sync", since=None if self._chance(0.1) else self._model.revision)
        if verb == "page":
            return Request("page", cursor=self._cursor)
        if verb == "peek" and others:
            return Request("peek", self.choice.choice(others))
        if verb == "get":
            task_id = self.choice.choice(own)
            return Request("get", task_id, if_none_match=self._tag_of(task_id))
        return Request("list", if_none_match=self._list_tag if self._chance(_CONDITIONAL) else None)

    def _chance(self, probability: float) -> bool:
        return self.choice.random() < probability

    def _tag_of(self, task_id: str) -> str | None:
        """Mostly none; sometimes the one before the latest."""
        tags = self._model.tags_of(task_id)
        return self.choice.choice((tags[0], *tags[-1:] * 2)) if tags and self._chance(_CONDITIONAL) else None

    def _keyed(self, request: Request) -> Request:
        key = str(UUID(int=self.choice.getrandbits(128), version=4)) if self._insists else None
        return replace(request, key=key)

    def _batch(self, own: Sequence[str], *, may_create: bool) -> Request:
        """Operations on some of the tasks, and perhaps on a new one."""
        task_ids: list[str | None] = [*self.choice.sample(own, self.choice.randint(1, min(4, len(own))))]
        if may_create and self._chance(0.5):
            task_ids.append(None)
        verbs = ["create" if one is None else self.choice.choice(_OPERATIONS) for one in task_ids]
        operations = enumerate(zip(verbs, task_ids, strict=True), self._done)
        return Request("batch", operations=tuple(self._write(verb, one, number) for number, (verb, one) in operations))

    def _write(self, verb: Verb, task_id: str | None, number: int) -> Request:
        titled, completing = verb in {"create", "replace", "patch"}, verb in {"create", "replace", "patch", "set"}
        changed = self.choice.sample(_FIELDS, self.choice.randint(1, 3)) if verb == "patch" else ()
        return Request(
            verb,
            task_id,
            title=f"{verb} {self.number}.{number}" if titled else None,
            description=f"of client {self.number}" if titled and self._chance(0.5) else None,
            is_completed=self._chance(0.5) if completing else None,
            changed=tuple(changed),
            if_match=None if task_id is None else self._tag_of(task_id),
        )
