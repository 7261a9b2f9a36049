"""An answer of each type of problem, as real servers give it: `make problem-answers` writes docs/problem_answers.json.

Ids, revisions and tokens are replaced by fixed ones. `Date`, `Content-Length` and `X-Request-ID`, which every answer
has, are left out.
"""

import asyncio
import json
import re
import signal
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from common.http.app import make_app
from common.http_server.limits import HttpLimits
from fastapi import FastAPI
from gateway.app import create_app
from gateway.settings import GatewaySettings
from local_stack.stack import Stack, running_stack
from pydantic import HttpUrl, SecretStr

from tests.conftest import stack_settings
from tests.issuer import AUDIENCE, ISSUER, Issuer, claims
from tests.ports import closed_port
from tests.serving import serving
from tests.waiting import eventually

from . import problem_requests as requests
from .pages import ROOT
from .problem_requests import ALONE, TASK, TASKS, USER, Sent
from .sessions import REVISION, TAG

FILE = ROOT / "docs/problem_answers.json"
WITHIN_S = 15.0
STREAMS = 20
OF_EVERY_ANSWER = ("date:", "content-length:", "x-request-id:")
TASK_ID = re.compile(r'{"id":"([^"]+)"')
ENTITY_TAG = re.compile(r"^etag: (.+)\r$", re.IGNORECASE | re.MULTILINE)
AN_HOUR_AGO = claims()["iat"] - 3600

type Answered = dict[str, str]
"""`setting`, `request` and `answer`, as the page shows them."""


async def first_answer(port: int, text: str) -> str:
    """What the server at this port says first, head and body, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    try:
        return await what_comes(reader)
    finally:
        writer.close()


async def what_comes(reader: asyncio.StreamReader) -> str:
    """The next answer of a connection."""
    async with asyncio.timeout(WITHIN_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"^content-length: (\d+)", head, re.IGNORECASE | re.MULTILINE)
        return head + ((await reader.readexactly(int(length[1]))).decode() if length else "")


async def answered(port: int, sent: Sent, *known: tuple[str, str]) -> Answered:
    """The answer to the request for a user of its own; `known` are texts to send in place of those that are shown."""
    user = str(uuid4())
    return await _answered(port, sent, ((USER, user), *known))


async def _answered(port: int, sent: Sent, known: Iterable[tuple[str, str]]) -> Answered:
    request = sent.request
    for shown, real in known:
        request = request.replace(shown, real)
    answer = await first_answer(port, request)
    for shown, real in known:
        answer = answer.replace(real, shown)
    return shown_as(sent, answer)


def shown_as(sent: Sent, answer: str) -> Answered:
    """The request and its answer as the page has them."""
    return {"setting": sent.setting, "request": canonical(sent.request), "answer": canonical(answer)}


def canonical(message: str) -> str:
    """The message as it is shown: the same whenever it was sent."""
    head, _, body = message.partition("\r\n\r\n")
    of_every_answer = OF_EVERY_ANSWER if head.startswith("HTTP/") else ()
    lines = [line for line in head.split("\r\n") if not line.lower().startswith(of_every_answer)]
    text = "\n".join([*lines, *(["", body.replace("\r\n", "\n").strip()] if body else [])])
    text = REVISION.sub("1764115200000000", TAG.sub("1-1764115200000000", text))
    return re.sub(r"(\w)\1{49,}", r"\1\1\1\1\1\1\1\1\1\1…", text)


@asynccontextmanager
async def gateway(limits: HttpLimits | None = None, **given: Any) -> AsyncIterator[int]:
    """The port of a gateway with nothing behind it."""
    with closed_port() as nobody:
        settings = GatewaySettings(
            port=0,
            reader_url=HttpUrl(f"http://127.0.0.1:{nobody}"),
            rabbitmq_url=SecretStr(f"amqp://guest:guest@127.0.0.1:{nobody}/"),
            bus_start_timeout_s=0.001,
            **given,
        )
        async with serving(create_app(settings), limits=limits) as served:
            yield served.port


async def answers(stack: Stack) -> dict[str, Answered]:
    """An answer of each type. The stack's task-writer stands still for two seconds meanwhile."""
    alone, states, gateways, slow = await asyncio.gather(
        of_requests_alone(stack), of_states(stack), of_other_gateways(), of_slow_clients()
    )
    found = alone | states | gateways | slow
    return found | {"outcome-unknown": await of_a_stopped_writer(stack)}


async def of_requests_alone(stack: Stack) -> dict[str, Answered]:
    return {slug: await answered(_port(stack), sent) for slug, sent in ALONE.items()}


async def of_states(stack: Stack) -> dict[str, Answered]:
    """What depends on what the user did before."""
    port, user = _port(stack), str(uuid4())
    path = f"/api/{user}/tasks"
    first = await first_answer(port, requests.create(requests.MILK, "Idempotency-Key: monday").replace(TASKS, path))
    task, tag = _found(TASK_ID, first), _found(ENTITY_TAG, first)
    changed = requests.request("PUT", f"{path}/{task}", requests.JSON, body='{"title": "Buy oat milk"}')
    await first_answer(port, changed)
    known = ((TASK, f"{TASKS}/{task}"), (USER, user), (requests.TAG, tag))
    return {
        "idempotency-key-reused": await _answered(port, requests.KEY_REUSED, [(USER, user)]),
        "precondition-failed": await _answered(port, requests.PRECONDITION_FAILED, known),
        "too-many-event-streams": await of_many_streams(port),
    }


async def of_many_streams(port: int) -> Answered:
    user = str(uuid4())
    opening = requests.TOO_MANY_STREAMS.request.replace(USER, user).encode()
    async with AsyncExitStack() as open_streams:
        for _ in range(STREAMS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            open_streams.callback(writer.close)
            writer.write(opening)
            async with asyncio.timeout(WITHIN_S):
                await reader.readuntil(b"\r\n\r\n")
        return await _answered(port, requests.TOO_MANY_STREAMS, [(USER, user)])


async def of_other_gateways() -> dict[str, Answered]:
    """What depends on a gateway's settings, or on what it lacks."""
    issuer = Issuer()
    expired = (requests.TOKEN, issuer.token(iat=AN_HOUR_AGO - 300, nbf=AN_HOUR_AGO - 300, exp=AN_HOUR_AGO))
    jwt: dict[str, Any] = {"auth_mode": "jwt", "auth_issuer": ISSUER, "auth_audience": AUDIENCE}
    found = {}
    async with gateway() as port:
        found["unavailable"] = await answered(port, requests.UNAVAILABLE)
        found["not-done"] = await answered(port, requests.NOT_DONE)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as keys:
        keys.write(json.dumps(issuer.key_set()))
        keys.flush()
        async with gateway(**jwt, auth_jwks_file=Path(keys.name)) as port:
            found["no-token"] = await answered(port, requests.NO_TOKEN)
            found["invalid-token"] = await _answered(port, requests.INVALID_TOKEN, [expired])
    with closed_port() as nobody:
        async with gateway(**jwt, auth_jwks_url=HttpUrl(f"http://127.0.0.1:{nobody}/keys")) as port:
            found["tokens-unverifiable"] = await _answered(
                port, requests.UNVERIFIABLE, [(requests.TOKEN, issuer.token())]
            )
    async with gateway(user_requests_per_s=1.0, user_burst=1) as port:
        await first_answer(port, requests.TOO_MANY_REQUESTS.request)
        found["too-many-requests"] = await _answered(port, requests.TOO_MANY_REQUESTS, [])
    async with gateway(cors_origins=["https://app.example"]) as port:
        found["origin-refused"] = await answered(port, requests.ORIGIN_REFUSED)
    async with serving(with_a_bug()) as served:
        found["internal"] = await answered(served.port, requests.INTERNAL)
    return found


async def of_slow_clients() -> dict[str, Answered]:
    """What depends on time, and on who else is there."""
    async with (
        gateway(HttpLimits(connections=1)) as one_place,
        gateway(HttpLimits(head_timeout_s=1.0)) as hasty,
        gateway(HttpLimits(body_timeout_s=1.0)) as patient,
    ):
        _, holder = await asyncio.open_connection("127.0.0.1", one_place)
        found = {"overloaded": await answered(one_place, requests.OVERLOADED)}
        holder.close()
        found["slow-head"] = await answered(hasty, requests.SLOW_HEAD)
        return found | {"slow-body": await answered(patient, requests.SLOW_BODY)}


async def of_a_stopped_writer(stack: Stack) -> Answered:
    """What a client sees whose write was handed over, and not answered."""
    writer = stack.services["task-writer"]
    writer.send_signal(signal.SIGSTOP)
    try:
        return await answered(_port(stack), requests.OUTCOME_UNKNOWN)
    finally:
        writer.send_signal(signal.SIGCONT)
        await eventually(lambda: _writes(stack))


async def _writes(stack: Stack) -> bool:
    created = requests.create(requests.MILK).replace(USER, str(uuid4()))
    return (await first_answer(_port(stack), created)).startswith("HTTP/1.1 201")


def with_a_bug() -> FastAPI:
    """An app as the gateway is made of, with an operation that raises."""

    @asynccontextmanager
    async def nothing(_: FastAPI) -> AsyncIterator[None]:
        yield

    async def broken(_: object) -> None:
        raise RuntimeError("a bug")

    app = make_app("Taskwire", nothing)
    app.add_route("/api/{user_id}/tasks", broken, ["GET"])  # type: ignore[arg-type]  # it returns nothing at all
    return app


def _port(stack: Stack) -> int:
    return int(stack.addresses.gateway_url.rpartition(":")[2])


def _found(pattern: re.Pattern[str], answer: str) -> str:
    found = pattern.search(answer)
    assert found is not None, answer
    return found[1]


async def main() -> None:
    """Writes the file."""
    with tempfile.TemporaryDirectory() as directory:
        async with running_stack(stack_settings(Path(directory))) as stack:
            found = await answers(stack)
    FILE.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
