"""The clients: each has one user, does one operation at a time, and records it."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from faults.history import LOST, UNREACHABLE, WRITES, Operation, Request, Verb
from faults.model import UserModel

_MOST_TASKS, _MOST_PENDING = 10, 2
_RETRIES = 6
_PAUSE_AFTER_FAILURE_S = 0.1  # at most
_FORGET_PENDING_AFTER_S = 10.0  # the client's own guess; the checker knows better
_CHOICES: dict[Verb, int] = {
    "create": 4,
    "replace": 4,
    "flip": 6,
    "set": 2,
    "delete": 3,
    "get": 6,
    "list": 3,
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
    Every third client opens a connection for each request, the others keep theirs.
    """

    def __init__(self, number: int, seed: int, load: Load) -> None:
        self.choice = random.Random(f"{seed} client {number}")  # noqa: S311 - to be repeated, not to be secret
        self.user_id = str(UUID(int=self.choice.getrandbits(128), version=4))
        self.number = number
        self._gateway = number // 2  # the first that it asks, of those that there are
        self._insists = number % 2 == 1  # sends every write with a key, and again until it knows the outcome
        self._load = load
        self._done = 0
        self._model = UserModel(self.user_id, lambda operation: operation.ended_s + _FORGET_PENDING_AFTER_S)
        self._check_of_unknown: Request | None = None  # a read that shows the effect of the last write

    async def run(self) -> None:
        """Works until the load ends; then finishes the current operation."""
        limits = httpx.Limits(max_connections=4, max_keepalive_connections=2 if self.number % 3 else 0)
        async with httpx.AsyncClient(timeout=self._load.answer_within_s, limits=limits, trust_env=False) as http:
            while not self._load.ending.is_set():
                operation = await self._carry_out(http, self._next_request())
                pause_s = self._load.pause_s if operation.is_answered else _PAUSE_AFTER_FAILURE_S
                await asyncio.sleep(self.choice.uniform(0, pause_s))

    async def _carry_out(self, http: httpx.AsyncClient, request: Request) -> Operation:
        """The request, and its repetitions under the same key."""
        operation = await self._once(http, request, self._done)
        for again in range(_RETRIES if request.key else 0):
            if operation.is_answered or self._load.ending.is_set():
                break
            await asyncio.sleep(self.choice.uniform(0, _PAUSE_AFTER_FAILURE_S))
            operation = await self._once(http, request, operation.effect, turn=again + 1)
        if operation.is_write and operation.is_unknown:
            self._check_of_unknown = Request("get", operation.request.task_id) if request.task_id else Request("list")
        elif not operation.is_write and operation.is_answered:
            self._check_of_unknown = None
        return operation

    async def _once(self, http: httpx.AsyncClient, request: Request, effect: int, *, turn: int = 0) -> Operation:
        began_s = time.monotonic()
        urls = self._load.gateway_urls
        for asked in range(self._gateway + turn, self._gateway + turn + len(urls)):
            gateway = asked % len(urls)
            status, body, failure, replayed = await _ask(http, f"{urls[gateway]}/api/{self.user_id}", request)
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
            replayed=replayed,
            gateway=gateway,
        )
        self._done += 1
        self._load.record(operation)
        self._model.judge(operation)
        if operation.request.verb == "create" and operation.is_answered and isinstance(body, dict) and "id" in body:
            self._load.seen.append((self.number, body["id"]))
            del self._load.seen[:-100]
        return operation

    def _next_request(self) -> Request:
        if self._check_of_unknown is not None:
            return self._check_of_unknown
        tasks = list(self._model.tasks())
        own = [task_id for task_id, pending in tasks if pending < _MOST_PENDING]
        others = [task_id for owner, task_id in self._load.seen if owner != self.number]
        verb = self.choice.choices(list(_CHOICES), list(_CHOICES.values()))[0]
        if verb == "peek" and others:
            return Request("peek", self.choice.choice(others))
        if verb == "sync":
            return Request("sync", since=None if self.choice.random() < 0.1 else self._model.revision)  # noqa: PLR2004
        if verb == "list" or (verb == "create" and len(tasks) >= _MOST_TASKS):
            return Request("list")
        if verb == "create" or not own:
            return self._write("create", None)
        task_id = self.choice.choice(own)
        return self._write(verb, task_id) if verb in WRITES else Request("get", task_id)

    def _write(self, verb: Verb, task_id: str | None) -> Request:
        titled, completing = verb in {"create", "replace"}, verb in {"create", "replace", "set"}
        return Request(
            verb,
            task_id,
            title=f"{verb} {self.number}.{self._done}" if titled else None,
            description=f"of client {self.number}" if titled and self.choice.random() < 0.5 else None,  # noqa: PLR2004
            is_completed=self.choice.random() < 0.5 if completing else None,  # noqa: PLR2004
            key=str(UUID(int=self.choice.getrandbits(128), version=4)) if self._insists else None,
        )


async def _ask(http: httpx.AsyncClient, user_url: str, request: Request) -> tuple[int | None, Any, str | None, bool]:
    """Status, body, failure and whether the answer is a replay. httpx repeats nothing by itself."""
    method, path, body = _on_the_wire(request)
    headers = {"Idempotency-Key": f'"{request.key}"'} if request.key else {}
    try:
        answer = await http.request(method, f"{user_url}{path}", json=body, headers=headers)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        return None, None, UNREACHABLE, False
    except httpx.TransportError:
        return None, None, LOST, False
    replayed = answer.headers.get("Idempotency-Replayed") == "true"
    try:
        content = answer.json() if answer.content else None
    except ValueError:
        content = answer.text
    if answer.is_error:
        content = content.get("type") if isinstance(content, dict) else content
    return answer.status_code, content, None, replayed


def _path(request: Request) -> str:
    if request.verb == "sync":
        return "/changes" if request.since is None else f"/changes?since={request.since}"
    return "/tasks" if request.task_id is None else f"/tasks/{request.task_id}"


def _on_the_wire(request: Request) -> tuple[str, str, Any]:
    path = _path(request)
    body = {"title": request.title, "description": request.description, "is_completed": request.is_completed}
    match request.verb:
        case "create":
            return "POST", path, body
        case "replace":
            return "PUT", path, body
        case "flip":
            return "PATCH", f"{path}/complete", None
        case "set":
            return "PATCH", f"{path}/complete", {"is_completed": request.is_completed}
        case "delete":
            return "DELETE", path, None
        case _:
            return "GET", path, None
