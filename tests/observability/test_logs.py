"""The logs of a whole system at its most talkative: each request and batch has its line, and no secret has one."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aio_pika
import httpx
import pytest
from common.bus.broker import connect_to
from common.bus.topology import COMMANDS_NAME
from local_stack.stack import Stack

from tests.commands import create
from tests.conftest import PATIENT, running_stack_with
from tests.users import new_user
from tests.waiting import eventually

SERVICES = ("gateway", "task-reader", "task-writer")
TITLE = "t1tle-that-nobody-may-see"
KEY = "k3y-that-nobody-may-see"
LINES = {"request", "batch"}


@pytest.fixture(scope="module")
async def talkative(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    variables = PATIENT | {"LOG_LEVEL": "debug", "LOG_FORMAT": "json", "LOG_REQUESTS": "true"}
    async with running_stack_with(variables, tmp_path_factory.mktemp("talkative")) as running:
        yield running


def lines(stack: Stack, service: str) -> list[Any]:
    """What the service has logged; each line must be JSON."""
    return [json.loads(line) for line in stack.state.log_file(service).read_text().splitlines()]


def named(stack: Stack, service: str, name: str) -> list[Any]:
    """The lines of requests and batches that name this request."""
    return [
        line
        for line in lines(stack, service)
        if line["message"] in LINES and name in (line.get("request_id", ""), *line.get("request_ids", ()))
    ]


@pytest.fixture
async def user(talkative: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with new_user(talkative.addresses.gateway_url) as client:
        yield client


async def test_a_write_has_one_line_at_the_gateway_and_one_at_the_writer(
    talkative: Stack, user: httpx.AsyncClient
) -> None:
    name = uuid4().hex

    await user.post("/tasks", json={"title": TITLE}, headers={"X-Request-ID": name})

    async def logged() -> bool:
        return bool(named(talkative, "gateway", name) and named(talkative, "task-writer", name))

    await eventually(logged)
    (request,), (batch,) = named(talkative, "gateway", name), named(talkative, "task-writer", name)
    assert (request["method"], request["route"], request["status"]) == ("POST", "/api/{user_id}/tasks", 201)
    assert batch["outcomes"] == {"done": 1}
    assert request["duration_ms"] > batch["duration_ms"] > 0


async def test_a_read_has_one_line_at_the_gateway_and_one_at_the_reader(
    talkative: Stack, user: httpx.AsyncClient
) -> None:
    name = uuid4().hex

    await user.get("/tasks", headers={"X-Request-ID": name})

    async def logged() -> bool:
        return bool(named(talkative, "gateway", name) and named(talkative, "task-reader", name))

    await eventually(logged)
    (request,), (batch,) = named(talkative, "gateway", name), named(talkative, "task-reader", name)
    assert (request["route"], request["status"], batch["route"], batch["status"]) == (
        "/api/{user_id}/tasks", 200, "/reads", 200,
    )  # fmt: skip


async def test_a_refused_request_has_its_reason(talkative: Stack, user: httpx.AsyncClient) -> None:
    name = uuid4().hex

    await user.post("/tasks", content=b"{", headers={"X-Request-ID": name, "Content-Type": "application/json"})

    async def logged() -> bool:
        return bool(named(talkative, "gateway", name))

    await eventually(logged)
    (request,) = named(talkative, "gateway", name)
    assert (request["status"], request["reason"]) == (400, "The body must be a JSON document in UTF-8.")


async def test_no_text_no_key_no_password_is_in_any_log(talkative: Stack, user: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": KEY, "Authorization": f"Bearer {KEY}"}
    made = await user.post("/tasks", json={"title": TITLE, "description": TITLE}, headers=headers)
    path = f"/tasks/{made.json()['id']}"
    await user.post("/tasks", json={"title": TITLE, "other": TITLE}, headers=headers)
    await user.put(path, json={"title": TITLE}, headers={"Idempotency-Key": "x " + KEY})
    await user.get("/tasks")
    poison = create(title=TITLE).model_dump(mode="json") | {"title": TITLE + "\x00"}
    async with await connect_to(talkative.addresses.rabbitmq_url) as connection:
        exchange = (await connection.channel()).default_exchange
        for body in (json.dumps({"commands": [poison]}), f"no batch {TITLE}"):
            await exchange.publish(aio_pika.Message(body.encode()), COMMANDS_NAME)

    async def dead_lettered() -> bool:
        messages: list[str] = [line["message"] for line in lines(talkative, "task-writer")]
        return sum(message.startswith("dead letter: ") for message in messages) == 2

    await eventually(dead_lettered)
    known = talkative.addresses
    urls = (known.writer_database_url, known.reader_database_url, known.rabbitmq_url, known.gateway_rabbitmq_url)
    secrets = {TITLE, KEY, *(password for url in urls if (password := urlsplit(url).password))}
    assert len(secrets) >= 5
    for service in SERVICES:
        text = talkative.state.log_file(service).read_text()
        assert [secret for secret in secrets if secret in text] == [], service
