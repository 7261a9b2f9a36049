"""Requests as Starlette hands them to a handler, with a body that arrives as the test likes."""

import asyncio
from enum import Enum

import pytest
from common.http.problems import Problem, ProblemType
from gateway.bodies import TaskBody, read_json
from starlette.requests import Request
from starlette.types import Message

JSON = {"content-type": "application/json"}
TITLE = b'{"title": "Buy milk"}'


class Client(Enum):
    """What a client may do instead of sending the next chunk."""

    GOES_AWAY = "goes away"
    STALLS = "stalls"


def request(*chunks: bytes | Client, headers: dict[str, str] | None = None) -> Request:
    """A request whose body arrives in `chunks`, as JSON unless `headers` say otherwise."""
    arriving = iter(chunks)

    async def receive() -> Message:
        match next(arriving, b""):
            case Client.GOES_AWAY:
                return {"type": "http.disconnect"}
            case Client.STALLS:
                never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
                return await never
            case chunk:
                return {"type": "http.request", "body": chunk, "more_body": chunk != b""}

    raw = [(name.encode(), value.encode()) for name, value in (JSON if headers is None else headers).items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


async def refusal(refused: Request) -> Problem:
    """The problem that reading the request as a task ends with."""
    with pytest.raises(Problem) as caught:
        await read_json(refused, TaskBody)
    return caught.value


async def kind_of(body: bytes) -> ProblemType:
    """The kind of problem that the body is."""
    return (await refusal(request(body))).kind
