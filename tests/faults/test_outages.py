"""What clients see while a part is down, and that everything recovers by itself once it is back."""

import asyncio
import signal
import time
from contextlib import aclosing
from http import HTTPStatus
from uuid import uuid4

import httpx
import psycopg
import pytest
import taskwire_client
from local_stack.stack import Stack

from faults.alarms import alarm
from faults.campaign import plan_campaign
from faults.checker import check
from faults.history import History
from faults.library import calls, failed_calls
from faults.outside import attack
from tests.waiting import eventually

WRITE_DEADLINE_S = 2.0
ROUNDING_S = 1.0
STARTED_WITHIN_S = 60.0  # no promise: a busy machine takes long to load the code
BLOCKED = "its memory or disk is exhausted"
MEDIA_TYPE = "application/problem+json"


async def read(user: httpx.AsyncClient) -> httpx.Response:
    return await user.get("/tasks")


async def write(user: httpx.AsyncClient, title: str = "Buy milk") -> httpx.Response:
    return await user.post("/tasks", json={"title": title})


async def titles(user: httpx.AsyncClient) -> list[str]:
    return [task["title"] for task in (await read(user)).json()]


async def reads_answer(user: httpx.AsyncClient) -> bool:
    return (await read(user)).status_code == HTTPStatus.OK


async def writes_answer(user: httpx.AsyncClient) -> bool:
    return (await write(user, "again")).status_code == HTTPStatus.CREATED


async def started(system: Stack, *names: str) -> None:
    """Starts services, and returns once they are back: each says that it is ready."""
    for name in names:
        await system.services[name].start()
    for name in names:
        await system.services[name].wait_ready(system.probes[name], within_s=STARTED_WITHIN_S)


async def all_goes_on(user: httpx.AsyncClient) -> None:
    """Within 5 s of the part's return."""
    await eventually(lambda: reads_answer(user), within_s=5)
    await eventually(lambda: writes_answer(user), within_s=5)


def assert_refused(response: httpx.Response) -> None:
    assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Content-Type"] == MEDIA_TYPE
    assert response.elapsed.total_seconds() < WRITE_DEADLINE_S + ROUNDING_S


def service_pids(system: Stack) -> dict[str, int | None]:
    return {name: process.pid for name, process in system.services.items()}


async def test_database_down(system: Stack, user: httpx.AsyncClient) -> None:
    assert system.postgres is not None
    pids = service_pids(system)
    await system.postgres.stop()

    reading, writing = await read(user), await write(user, "refused")

    assert_refused(reading)
    assert_refused(writing)
    await system.postgres.start()
    await all_goes_on(user)
    assert "refused" not in await titles(user)
    assert service_pids(system) == pids


async def test_bus_down(system: Stack, user: httpx.AsyncClient) -> None:
    assert system.rabbitmq is not None
    pids = service_pids(system)
    await system.rabbitmq.stop()

    reading, writing = await read(user), await write(user, "refused")

    assert reading.status_code == HTTPStatus.OK
    assert_refused(writing)
    await system.rabbitmq.start()
    await all_goes_on(user)
    assert "refused" not in await titles(user)
    assert service_pids(system) == pids


@pytest.mark.parametrize("resource", ["memory", "disk"])
async def test_an_alarm_of_the_bus(system: Stack, user: httpx.AsyncClient, resource: str) -> None:
    assert system.rabbitmq is not None
    await write(user)
    known = system.state.log_file("gateway").read_text().count(BLOCKED)
    async with alarm(system.rabbitmq, resource):
        maybe_left = asyncio.create_task(write(user, "maybe"))  # RabbitMQ blocks who publishes, and only then says so
        await eventually(lambda: says(system, "gateway", BLOCKED, times=known + 1))
        reading, refused = await read(user), await write(user, "refused")
        unknown = await maybe_left

    assert reading.status_code == HTTPStatus.OK
    assert_refused(refused)
    assert unknown.status_code == HTTPStatus.GATEWAY_TIMEOUT
    await all_goes_on(user)
    assert "refused" not in await titles(user)


async def test_reader_down(system: Stack, user: httpx.AsyncClient) -> None:
    await system.services["task-reader"].stop()

    reading, writing = await read(user), await write(user)

    assert_refused(reading)
    assert writing.status_code == HTTPStatus.CREATED
    await started(system, "task-reader")
    await all_goes_on(user)


async def test_all_pooled_connections_killed(system: Stack, user: httpx.AsyncClient) -> None:
    assert system.postgres is not None
    await write(user)
    await read(user)
    async with await psycopg.AsyncConnection.connect(system.postgres.superuser_url, autocommit=True) as admin:
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename like 'taskwire_%'")

    reading, writing = await read(user), await write(user)

    assert reading.status_code == HTTPStatus.OK
    assert writing.status_code == HTTPStatus.CREATED


async def test_writer_absent(system: Stack, user: httpx.AsyncClient) -> None:
    await system.services["task-writer"].stop()
    began = time.monotonic()

    unknown = await write(user, "too late")

    took_s = time.monotonic() - began
    assert unknown.status_code == HTTPStatus.GATEWAY_TIMEOUT
    assert unknown.headers["Content-Type"] == MEDIA_TYPE
    assert WRITE_DEADLINE_S - 0.1 < took_s < WRITE_DEADLINE_S + ROUNDING_S
    await started(system, "task-writer")
    await all_goes_on(user)  # the queue is worked off in order: the late command has been seen by now
    assert "too late" not in await titles(user)


async def test_kills_from_outside_break_no_promise(system: Stack) -> None:
    history = History(plan_campaign(seed=1, seconds=4, clients=6, gateways=1))

    await attack(system.state.path, history, print)

    assert check(history) == []
    assert failed_calls(history) == []
    assert {call.request.verb for call in calls(history)} >= {"create", "sync"}
    assert len(history.injuries) > 0
    assert {(state.client, state.source) for state in history.final} >= {(0, "postgresql"), (0, "api")}


async def test_a_watch_of_the_python_client_goes_on_over_a_kill(system: Stack) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        client = taskwire_client.AsyncClient(system.addresses.gateway_url, uuid4(), http=http)
        async with aclosing(client.watch()) as updates:
            began = await anext(updates)
            system.services["gateway"].send_signal(signal.SIGKILL)
            task = await client.create("Buy milk")
            after = await anext(updates)

    assert (began.is_reset, dict(began.snapshot.tasks)) == (True, {})
    assert (after.is_reset, dict(after.snapshot.tasks)) == (False, {task.id: task})


async def test_services_wait_for_their_servers_and_say_so(system: Stack, user: httpx.AsyncClient) -> None:
    assert system.postgres is not None
    assert system.rabbitmq is not None
    for service in system.services.values():
        await service.stop()
    await system.postgres.stop()
    await system.rabbitmq.stop()
    for service in system.services.values():
        await service.start()
    await eventually(lambda: connects(user))

    reading, writing = await read(user), await write(user)

    assert_refused(reading)
    assert_refused(writing)
    no_postgres, no_rabbitmq = "waiting for PostgreSQL", "RabbitMQ cannot be used: AMQPConnectionError"
    for name, words in [
        ("task-reader", no_postgres),
        ("task-writer", no_postgres),
        ("task-writer", no_rabbitmq),
        ("gateway", no_rabbitmq),
    ]:
        await eventually(lambda name=name, words=words: says(system, name, words))  # type: ignore[misc]
    await system.postgres.start()
    await system.rabbitmq.start()
    await all_goes_on(user)


async def connects(user: httpx.AsyncClient) -> bool:
    try:
        await read(user)
    except httpx.ConnectError:
        return False
    return True


async def says(system: Stack, service: str, what: str, *, times: int = 1) -> bool:
    return system.state.log_file(service).read_text().count(what) >= times
