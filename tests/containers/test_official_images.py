"""The system on the servers of the official images, where a Docker engine answers."""

import os
from collections.abc import AsyncIterator, Iterator
from functools import partial

import httpx
import psycopg
import pytest
from local_stack.ports import pick_port
from local_stack.probes import answers_sql
from local_stack.settings import StackSettings
from local_stack.stack import Stack, running_stack
from local_stack.waiting import until
from pydantic import SecretStr
from testcontainers.core.container import DockerContainer

from tests.conftest import PATIENT
from tests.users import new_user

from .engine import needs_engine, require_image

POSTGRES_IMAGE = "postgres:18"
RABBITMQ_IMAGES = ("rabbitmq:4-management", "rabbitmq:3.10-management")
PASSWORD = "of-a-test"  # noqa: S105 - of containers that live as long as the test


pytestmark = needs_engine


@pytest.fixture(scope="module", autouse=True)
def surroundings() -> Iterator[None]:
    """The containers' published ports are reached on 127.0.0.1, and no further container watches over them. The
    services have patience."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PATIENT.items():
            patch.setenv(name, value)
        patch.setenv("TESTCONTAINERS_RYUK_DISABLED", os.environ.get("TESTCONTAINERS_RYUK_DISABLED", "true"))
        patch.setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
        yield


@pytest.fixture(scope="module")
async def database_url() -> AsyncIterator[str]:
    """The owner's address in a PostgreSQL container."""
    container = DockerContainer(POSTGRES_IMAGE).with_env("POSTGRES_PASSWORD", PASSWORD).with_exposed_ports(5432)
    with container:
        address = f"127.0.0.1:{container.get_exposed_port(5432)}"
        administrator = f"postgresql://postgres:{PASSWORD}@{address}/postgres"
        # At its first start the image starts a server without a port, stops it and starts the real one: only an answer
        # at the port distinguishes them, not the log.
        await until(partial(answers_sql, administrator), within_s=60)
        with psycopg.connect(administrator, autocommit=True) as admin:
            admin.execute(f"create role taskwire_owner login createrole password '{PASSWORD}'")
            admin.execute("create database taskwire owner taskwire_owner template template0 encoding 'UTF8'")
        yield f"postgresql://taskwire_owner:{PASSWORD}@{address}/taskwire"


@pytest.fixture(scope="module", params=RABBITMQ_IMAGES)
def rabbitmq_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The administrator's address in a RabbitMQ container, of each release that is supported."""
    require_image(request.param)
    container = (
        DockerContainer(request.param)
        .with_env("RABBITMQ_DEFAULT_USER", "taskwire")
        .with_env("RABBITMQ_DEFAULT_PASS", PASSWORD)
        .with_exposed_ports(5672)
    )
    with container:
        yield f"amqp://taskwire:{PASSWORD}@127.0.0.1:{container.get_exposed_port(5672)}/"


@pytest.fixture(scope="module")
async def system(
    database_url: str, rabbitmq_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """The services of this code, on the containers' servers."""
    directory = tmp_path_factory.mktemp("containers")
    settings = StackSettings(
        stack_dir=directory,
        gateway_port=pick_port(),
        admin_port=pick_port(),
        database_url=SecretStr(database_url),
        rabbitmq_url=SecretStr(rabbitmq_url),
    )
    async with running_stack(settings) as running:
        yield running


async def test_a_task_lives_and_dies_on_the_official_images(system: Stack) -> None:
    async with new_user(system.addresses.gateway_url) as user:
        created = (await user.post("/tasks", json={"title": "Buy milk"})).json()

        toggled = (await user.patch(f"/tasks/{created['id']}/complete")).json()
        listed = (await user.get("/tasks")).json()
        deleted = await user.delete(f"/tasks/{created['id']}")

    assert toggled == {**created, "is_completed": True}
    assert listed == [toggled]
    assert deleted.status_code == httpx.codes.NO_CONTENT
