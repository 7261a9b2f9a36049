"""Every write that its head is enough to reject is rejected before the body is requested."""

import asyncio
import json
import socket

import pytest
from common.contracts.outcomes import Outcome
from gateway.parameters import require_known_parameters
from starlette.requests import Request
from starlette.types import Message

from tests.serving import LIMIT_S, Served

from .in_process import COMPLETE, TASK, TASKS, app_without_servers, settings

USER_ID, TASK_ID = TASKS.split("/")[2], TASK.split("/")[4]
DONE = Outcome(status="done", task="{}")
WRITES: dict[str, tuple[str, str]] = {
    "create": ("POST", TASKS),
    "replace": ("PUT", TASK),
    "complete": ("PATCH", COMPLETE),
    "delete": ("DELETE", TASK),
}
WITH_BODY = [name for name in WRITES if name != "delete"]
SOUND = {"content-type": "application/json", "content-length": "17"}

OF_EVERY_WRITE: dict[str, tuple[dict[str, str], str, str]] = {
    "a bad id": ({}, "bad-id", "invalid-id"),
    "a parameter": ({}, "query", "unknown-parameter"),
    "a bad key": ({"idempotency-key": '"'}, "", "invalid-idempotency-key"),
    "a bad precondition": ({"if-match": "stale"}, "", "invalid-precondition"),
}
OF_A_BODY: dict[str, tuple[dict[str, str], str, str]] = {
    "another type": ({"content-type": "text/plain"}, "", "unsupported-media-type"),
    "a coding": ({"content-encoding": "gzip"}, "", "unsupported-content-encoding"),
    "a length": ({"content-length": "70000"}, "", "body-too-large"),
}
FAULTS = [(name, *fault) for name in WRITES for fault in OF_EVERY_WRITE.values()] + [
    (name, *fault) for name in WITH_BODY for fault in OF_A_BODY.values()
]


async def refused_by_the_head(name: str, headers: dict[str, str], place: str) -> str:
    """The kind of problem; fails when the body is requested."""
    method, path = WRITES[name]
    target = path.replace(USER_ID, "1") if place == "bad-id" else path
    return await refused(method, target, headers=SOUND | headers, query=b"limit=1" if place == "query" else b"")


async def refused(method: str, path: str, *, headers: dict[str, str], query: bytes) -> str:
    """The detail and the kind of the problem that the app answers with, without a look at the body."""
    sent: list[Message] = []

    async def receive() -> Message:
        pytest.fail("the body was requested")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
        "query_string": query,
    }
    app = app_without_servers()
    app.state.settings, app.state.reads, app.state.commands = settings(1), None, None
    await app(scope, receive, send)
    problem = json.loads(sent[1]["body"])
    return f"{problem['type'].rpartition(':')[2]} {problem['detail']}"


@pytest.mark.parametrize(("name", "headers", "place", "kind"), FAULTS)
async def test_the_body_is_not_requested(name: str, headers: dict[str, str], place: str, kind: str) -> None:
    assert (await refused_by_the_head(name, headers, place)).partition(" ")[0] == kind


@pytest.mark.parametrize(("name", "headers", "place", "kind"), FAULTS)
async def test_a_client_that_waits_for_100_is_answered_at_once(
    gateway: Served, name: str, headers: dict[str, str], place: str, kind: str
) -> None:
    method, path = WRITES[name]
    target = path.replace(USER_ID, "1") if place == "bad-id" else path + ("?limit=1" if place == "query" else "")
    lines = [f"{key}: {value}" for key, value in (SOUND | {"expect": "100-continue", "host": "x"} | headers).items()]
    head = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""])

    answer = await asyncio.to_thread(first_answer, gateway.port, head.encode())

    assert answer.startswith(b"HTTP/1.1 4")
    assert f"urn:taskwire:problem:{kind}".encode() in answer


def first_answer(port: int, head: bytes) -> bytes:
    """What comes first, with the start of its body."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as connection:
        connection.sendall(head)
        received = b""
        while b"}" not in received and b" 100 " not in received:
            part = connection.recv(65_536)
            assert part, received
            received += part
    return received


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (b"offset=1", "offset"),
        (b"completed=true", "completed"),
        (b"fields=id&offset=2", "fields"),
        (b"_=1&off%73et=1", "offset"),
        (b"offset", "offset"),
        (b"&&a+b=", "a b"),
        (b"=x", ""),
        (b"%ff", "\\ufffd"),
        (b"x" * 300, "x" * 64),
        (b"%22%0d%0a", '\\"\\r\\n'),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", TASKS), ("GET", TASK), *WRITES.values()])
async def test_an_unknown_parameter_is_400_and_named(method: str, path: str, query: bytes, named: str) -> None:
    kind, _, detail = (await refused(method, path, headers={}, query=query)).partition(" ")

    assert (kind, f'"{named}"' in detail) == ("unknown-parameter", True)


@pytest.mark.parametrize("query", [b"", b"&", b"_", b"_=1764", b"_a=b&_c=d", b"%5Fa=b"])
def test_a_name_of_the_clients_own_is_ignored(query: bytes) -> None:
    require_known_parameters(Request({"type": "http", "query_string": query}))
