from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from local_stack.leftovers import marked_processes
from local_stack.ports import pick_port
from local_stack.postgres import Postgres, running_postgres
from local_stack.rabbitmq import Rabbitmq
from local_stack.services import reads_through, writes_through
from local_stack.settings import StackSettings
from local_stack.stack import Stack, running_stack
from local_stack.state import open_state
from local_stack.waiting import until
from pydantic import SecretStr

from tests.conftest import new_database
from tests.local_stack.parts import kill

BACK_WITHIN_S = 30.0


@pytest.fixture(scope="module")
async def foreign_postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """Not the other tests' server: roles belong to a whole server, and each stack gives them passwords of its own."""
    async with open_state(tmp_path_factory.mktemp("foreign")) as state, running_postgres(state) as server:
        yield server


@pytest.fixture
async def guest_settings(foreign_postgres: Postgres, rabbitmq: Rabbitmq, tmp_path: Path) -> StackSettings:
    """The services alone, on servers that are not their stack's own."""
    return StackSettings(
        stack_dir=tmp_path / "stack",
        gateway_port=pick_port(),
        admin_port=pick_port(),
        database_url=SecretStr(await new_database(foreign_postgres, f"guest_{uuid4().hex}")),
        rabbitmq_url=SecretStr(rabbitmq.url),
    )


@pytest.fixture
async def guest_stack(guest_settings: StackSettings) -> AsyncIterator[Stack]:
    async with running_stack(guest_settings) as stack:
        yield stack


async def test_foreign_servers_are_used_as_they_are(guest_stack: Stack, rabbitmq: Rabbitmq) -> None:
    assert guest_stack.postgres is None
    assert guest_stack.rabbitmq is None
    assert guest_stack.addresses.rabbitmq_url == rabbitmq.url
    assert await reads_through(guest_stack.addresses.gateway_url)
    assert await writes_through(guest_stack.addresses.gateway_url)


async def test_it_begins_without_a_request(guest_stack: Stack) -> None:
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"{guest_stack.addresses.gateway_admin_url}/metrics")).text

    answered = [line for line in metrics.splitlines() if line.startswith("taskwire_http_request_seconds_count")]
    assert answered == []


async def test_every_service_is_started_again_and_works_again(guest_stack: Stack) -> None:
    url = guest_stack.addresses.gateway_url

    async def works() -> bool:
        return await reads_through(url) and await writes_through(url)

    for service in guest_stack.services.values():
        await kill(service)
        await until(works, within_s=BACK_WITHIN_S)


def mentions(pid: int, text: str) -> bool:
    """Whether the text stands in the environment of this process."""
    return text.encode() in Path(f"/proc/{pid}/environ").read_bytes()


async def test_no_service_has_the_owners_address(guest_stack: Stack) -> None:
    pids = marked_processes(guest_stack.state.path)

    assert {service.pid for service in guest_stack.services.values()} <= set(pids)
    assert not {pid for pid in pids if mentions(pid, guest_stack.addresses.database_url)}


async def test_parts_end_in_good_order_and_none_is_left(guest_settings: StackSettings) -> None:
    reports: list[str] = []

    async with running_stack(guest_settings, reports.append) as stack:
        pass

    assert not [line for line in reports if "died" in line]
    assert [service.pid for service in stack.services.values()] == [None, None, None]
    assert marked_processes(stack.state.path) == []
