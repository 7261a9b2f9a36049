"""One key at the same moment at two gateways, before two task-writers, on a real RabbitMQ: one effect for them all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from uuid import uuid4

import httpx
import pytest
from common.postgres.database import Database
from gateway.app import create_app
from gateway.settings import GatewaySettings
from local_stack.rabbitmq import Rabbitmq
from pydantic import HttpUrl, SecretStr
from task_writer.app import open_writer

from tests.conftest import Addresses, writer_settings
from tests.integration.effects import titles
from tests.ports import closed_port
from tests.waiting import eventually

PATIENCE_S = 10.0


@pytest.fixture
async def gateways(addresses: Addresses, rabbitmq: Rabbitmq) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients of two gateways without a task-reader; two task-writers take their commands, a batch of one each."""
    async with AsyncExitStack() as opened:
        for _ in range(2):
            writer = await opened.enter_async_context(open_writer(writer_settings(addresses, rabbitmq.url)))
            await writer.consuming()
        settings = GatewaySettings(
            reader_url=HttpUrl(f"http://127.0.0.1:{opened.enter_context(closed_port())}"),
            rabbitmq_url=SecretStr(rabbitmq.url),
            write_deadline_s=PATIENCE_S,
            bus_max_batch=1,
            bus_max_in_flight=16,
            port=0,
        )
        clients = []
        for app in (create_app(settings), create_app(settings)):
            await opened.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            clients.append(await opened.enter_async_context(httpx.AsyncClient(transport=transport)))
        for client in clients:
            await eventually(partial(can_write, client))
        yield clients


async def can_write(client: httpx.AsyncClient) -> bool:
    answer = await client.post(f"http://gateway/api/{uuid4()}/tasks", json={"title": "warm-up"})
    return answer.is_success


async def test_one_key_at_two_gateways_and_two_writers_has_one_effect(
    gateways: list[httpx.AsyncClient], reader_database: Database
) -> None:
    users = [uuid4() for _ in range(10)]

    for user_id in users:
        key = {"Idempotency-Key": str(uuid4())}
        url = f"http://gateway/api/{user_id}/tasks"
        posts = [gateways[turn % 2].post(url, json={"title": "milk"}, headers=key) for turn in range(16)]
        answers = await asyncio.gather(*posts)

        assert {(answer.status_code, answer.text, answer.headers["location"]) for answer in answers} == {
            (201, answers[0].text, f"/api/{user_id}/tasks/{answers[0].json()['id']}")
        }
        assert await titles(reader_database, user_id) == ["milk"]


async def test_one_key_for_flips_at_two_gateways_and_two_writers_flips_once(
    gateways: list[httpx.AsyncClient],
) -> None:
    user_id = uuid4()
    made = await gateways[0].post(f"http://gateway/api/{user_id}/tasks", json={"title": "milk"})
    url, key = f"http://gateway{made.headers['location']}/complete", {"Idempotency-Key": str(uuid4())}

    answers = await asyncio.gather(*(gateways[turn % 2].patch(url, headers=key) for turn in range(16)))
    after = await gateways[1].patch(url)

    assert {(answer.status_code, answer.json()["is_completed"]) for answer in answers} == {(200, True)}
    assert after.json()["is_completed"] is False
