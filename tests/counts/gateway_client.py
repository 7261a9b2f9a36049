"""Requests straight into the gateway's app, without a connection in between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
from common.contracts.commands import CreateTask
from fastapi import FastAPI

GATEWAY = "http://gateway"
TASK = {"title": "Buy milk"}


@asynccontextmanager
async def gateway_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`, which is started, and stopped on the way out."""
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as client:
        yield client


async def ask_at_once(client: httpx.AsyncClient, requests: Sequence[httpx.Request]) -> list[httpx.Response]:
    """Sends all in one turn of the event loop, so that they share a batch. Each must be answered with 2xx or 304."""
    answers = await asyncio.gather(*(client.send(request) for request in requests))

    assert {answer.status_code // 100 for answer in answers if answer.status_code != httpx.codes.NOT_MODIFIED} <= {2}
    return answers


def creates(count: int) -> list[httpx.Request]:
    """Writes of as many users."""
    return [httpx.Request("POST", tasks_url(uuid4()), json=TASK) for _ in range(count)]


def writes_of_each_type(tasks: Sequence[CreateTask]) -> list[httpx.Request]:
    """As many writes as there are tasks: a create, a replace, a toggle, a delete, and so on, of these tasks."""
    requests = []
    for number, task in enumerate(tasks):
        url = task_url(task)
        match number % 4:
            case 0:
                requests += creates(1)
            case 1:
                requests.append(httpx.Request("PUT", url, json=TASK))
            case 2:
                requests.append(httpx.Request("PATCH", f"{url}/complete", json={"is_completed": True}))
            case 3:
                requests.append(httpx.Request("DELETE", url))
    return requests


def lists(tasks: Sequence[CreateTask]) -> list[httpx.Request]:
    """The lists of their users."""
    return [httpx.Request("GET", tasks_url(task.user_id)) for task in tasks]


def finds(tasks: Sequence[CreateTask]) -> list[httpx.Request]:
    """The tasks, one by one."""
    return [httpx.Request("GET", task_url(task)) for task in tasks]


def deltas(tasks: Sequence[CreateTask]) -> list[httpx.Request]:
    """All changes of their users."""
    return [httpx.Request("GET", f"{GATEWAY}/api/{task.user_id}/changes?since=0") for task in tasks]


def tasks_url(user_id: UUID) -> str:
    return f"{GATEWAY}/api/{user_id}/tasks"


def task_url(task: CreateTask) -> str:
    return f"{tasks_url(task.user_id)}/{task.task_id}"
