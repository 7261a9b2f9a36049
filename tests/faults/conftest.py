"""A system whose parts the tests of this folder stop, kill and start again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from local_stack.stack import Stack, running_stack
from local_stack.state import open_state
from local_stack.supervision import silent
from task_writer.migrate import migrate

from faults.system import System, running_system
from tests.conftest import PATIENT, Addresses, stack_settings
from tests.postgres_cluster import Cluster, running_cluster
from tests.users import new_user


@pytest.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(stack_settings(tmp_path_factory.mktemp("faults"))) as running:
        yield running


@pytest.fixture
async def user(system: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a user who has no tasks yet; its paths are below `/api/{user_id}/tasks`."""
    async with new_user(system.addresses.gateway_url, timeout_s=15) as client:
        yield client


@asynccontextmanager
async def patient_system(directory: Path) -> AsyncIterator[System]:
    """Two of each service, whose clients are refused nothing because the machine is busy."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in PATIENT.items():
            environment.setenv(name, value)
        async with running_system(directory, silent) as running:
            yield running


@asynccontextmanager
async def migrated_cluster(directory: Path) -> AsyncIterator[Cluster]:
    async with open_state(directory) as state, running_cluster(state) as cluster:
        migrate(Addresses.of(cluster.owner_url).migration_settings())
        yield cluster


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A migrated primary with two synchronous standbys. Every test leaves it as it was."""
    async with migrated_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
async def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """The same for one test, which may break it."""
    async with migrated_cluster(tmp_path_factory.mktemp("own-cluster")) as running:
        yield running
