"""What the admin ports say while a part is down, and that only they say it."""

import httpx
import pytest
from local_stack.stack import Stack

from tests.waiting import eventually

type Readiness = tuple[int, dict[str, str]]


@pytest.fixture
def admin_urls(system: Stack) -> dict[str, str]:
    known = system.addresses
    return {
        "gateway": known.gateway_admin_url,
        "task-reader": known.task_reader_admin_url,
        "task-writer": known.task_writer_admin_url,
    }


async def readiness(url: str) -> Readiness:
    async with httpx.AsyncClient(timeout=5) as client:
        answer = await client.get(f"{url}/readyz")
    assert answer.json()["ready"] is answer.is_success
    return answer.status_code, answer.json()["components"]


async def becomes(url: str, wanted: Readiness) -> None:
    async def is_wanted() -> bool:
        return await readiness(url) == wanted

    await eventually(is_wanted, within_s=20)


async def all_ready(admin_urls: dict[str, str]) -> None:
    for url in admin_urls.values():

        async def ready(url: str = url) -> bool:
            status, parts = await readiness(url)
            return status == httpx.codes.OK and set(parts.values()) == {"up"}

        await eventually(ready, within_s=20)


async def test_each_service_lives_is_ready_and_has_metrics(admin_urls: dict[str, str]) -> None:
    await all_ready(admin_urls)

    async with httpx.AsyncClient(timeout=5) as client:
        for url in admin_urls.values():
            assert (await client.get(f"{url}/livez")).status_code == httpx.codes.OK
            assert "process_cpu_seconds_total" in (await client.get(f"{url}/metrics")).text


async def test_the_ports_of_clients_and_of_operators_serve_nothing_of_each_other(
    system: Stack, admin_urls: dict[str, str], user: httpx.AsyncClient
) -> None:
    path = f"{user.base_url.path}tasks"
    async with httpx.AsyncClient(timeout=5) as client:
        through_public = [
            (await client.get(f"{base}/{page}")).status_code
            for base in (system.addresses.gateway_url, system.addresses.reader_url)
            for page in ("livez", "readyz", "metrics")
        ]
        through_admin = [(await client.get(url + path)).status_code for url in admin_urls.values()]

    assert set(through_public + through_admin) == {httpx.codes.NOT_FOUND}


async def test_without_rabbitmq_the_gateway_stays_ready_for_reads_and_the_writer_is_not(
    system: Stack, admin_urls: dict[str, str]
) -> None:
    assert system.rabbitmq is not None
    await all_ready(admin_urls)
    await system.rabbitmq.stop()

    await becomes(admin_urls["gateway"], (200, {"task_reader": "up", "bus": "down"}))
    await becomes(
        admin_urls["task-writer"],
        (503, {"database": "up", "commands": "down", "replies": "down", "dead_letters": "down"}),
    )
    await system.rabbitmq.start()
    await all_ready(admin_urls)


async def test_without_postgresql_what_needs_it_is_not_ready_and_comes_back_without_traffic(
    system: Stack, admin_urls: dict[str, str], user: httpx.AsyncClient
) -> None:
    assert system.postgres is not None
    await all_ready(admin_urls)
    await system.postgres.stop()

    for _ in range(2):  # a lone failure is none
        await user.get("/tasks")
        await user.delete("/tasks/0d4f2c1a-9f6e-4a53-8c0b-5a2f2b7f3d10")
    await becomes(admin_urls["task-reader"], (503, {"database": "down"}))
    await becomes(admin_urls["gateway"], (200, {"task_reader": "down", "bus": "up"}))
    await becomes(
        admin_urls["task-writer"],
        (503, {"database": "down", "commands": "up", "replies": "up", "dead_letters": "up"}),
    )
    await system.postgres.start()
    await all_ready(admin_urls)


async def test_a_gateway_with_neither_reads_nor_writes_is_not_ready(
    system: Stack, admin_urls: dict[str, str], user: httpx.AsyncClient
) -> None:
    assert system.rabbitmq is not None
    await all_ready(admin_urls)
    await system.services["task-reader"].stop()
    await system.rabbitmq.stop()

    async def is_not_ready() -> bool:
        await user.get("/tasks")
        return await readiness(admin_urls["gateway"]) == (503, {"task_reader": "down", "bus": "down"})

    await eventually(is_not_ready)
    await system.rabbitmq.start()
    await system.services["task-reader"].start()
    await all_ready(admin_urls)
