"""A server that is there and does not answer (SIGSTOP): whatever waits for it ends in time, and nothing is lost."""

import asyncio
import re
import time
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from local_stack.stack import Stack
from local_stack.supervision import Process
from task_writer.settings import WriterSettings

from faults.injuries import frozen
from tests.faults.test_outages import all_goes_on, started, titles
from tests.waiting import eventually

GRACE_S = 15.0  # of the local stack, the shortest
DATABASE_TIMEOUT_S: float = WriterSettings.model_fields["database_timeout_s"].default
ROUNDING_S = 1.5


def server(system: Stack, name: str) -> Process:
    servers = {"postgres": system.postgres, "rabbitmq": system.rabbitmq}
    found = servers[name]
    assert found is not None
    return found.process


async def took_s(process: Process) -> float:
    """How long it needs to end by SIGTERM."""
    began = time.monotonic()
    await process.stop()
    return time.monotonic() - began


def test_the_grace_period_of_every_deployment_is_longer(repository: Path) -> None:
    texts = [(repository / "docker-compose.yml").read_text()]
    texts += [path.read_text() for path in (repository / "deploy/kubernetes/base").rglob("*.yaml")]
    given = [int(one) for text in texts for one in re.findall(r"(?:PeriodSeconds|grace_period): (\d+)", text)]

    assert len(given) > 3
    assert min(given) > GRACE_S


async def test_a_frozen_database_gives_definite_answers_in_time(system: Stack, user: httpx.AsyncClient) -> None:
    await all_goes_on(user)
    with frozen(server(system, "postgres")):
        reading, writing = await asyncio.gather(user.get("/tasks"), user.post("/tasks", json={"title": "maybe"}))
        direct_url = f"{system.addresses.reader_url}/api/{uuid4()}/tasks"
        async with httpx.AsyncClient(timeout=DATABASE_TIMEOUT_S + ROUNDING_S) as client:
            direct = await client.get(direct_url)

    assert reading.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert writing.status_code == HTTPStatus.GATEWAY_TIMEOUT
    assert direct.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    await all_goes_on(user)


@pytest.mark.parametrize("frozen_server", ["postgres", "rabbitmq"])
async def test_sigterm_ends_the_services_in_their_grace_period_and_nothing_is_lost(
    system: Stack, user: httpx.AsyncClient, frozen_server: str
) -> None:
    writer, reader = system.services["task-writer"], system.services["task-reader"]
    key = {"Idempotency-Key": f'"{uuid4()}"'}
    await all_goes_on(user)

    with frozen(server(system, frozen_server)):
        reading = asyncio.create_task(user.get("/tasks"))
        unknown = await user.post("/tasks", json={"title": "once"}, headers=key)
        took = await asyncio.gather(took_s(writer), took_s(reader))
        await reading

    assert max(took) < GRACE_S
    assert unknown.status_code in {HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE}
    await started(system, "task-writer", "task-reader")
    await all_goes_on(user)
    again = await user.post("/tasks", json={"title": "once"}, headers=key)
    assert again.status_code == HTTPStatus.CREATED
    assert (await titles(user)).count("once") == 1


async def test_a_writer_that_waits_for_frozen_servers_can_be_stopped(system: Stack, user: httpx.AsyncClient) -> None:
    writer = system.services["task-writer"]
    await writer.stop()
    with frozen(server(system, "postgres")), frozen(server(system, "rabbitmq")):
        await writer.start()
        await eventually(lambda: is_running(writer))
        assert await took_s(writer) < GRACE_S
    await started(system, "task-writer")
    await all_goes_on(user)


async def is_running(process: Process) -> bool:
    return process.pid is not None
