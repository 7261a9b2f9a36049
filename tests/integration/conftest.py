"""Rows that the API alone could not make, and RabbitMQ nodes for one module."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import psycopg
import pytest
from local_stack.postgres import Postgres
from local_stack.rabbitmq import Rabbitmq
from local_stack.state import State, open_state

from tests.conftest import Addresses
from tests.integration.locks import Locks
from tests.releases import SUPPORTED_LINES, rabbitmq_of_line


@pytest.fixture
async def same_moment(owner: psycopg.AsyncConnection) -> list[UUID]:
    """A user, then the ids of five tasks of that user, all created at the same microsecond."""
    user, ids = uuid4(), [uuid4() for _ in range(5)]
    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        for task_id in ids:
            await owner.execute(
                "insert into tasks (id, title, created_at, user_id) values (%s, 'x', '2026-01-01T00:00Z', %s)",
                [task_id, user],
            )
    return [user, *ids]


@pytest.fixture(scope="module")
async def node_state(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[State]:
    """The state directory of a module's own RabbitMQ node."""
    async with open_state(tmp_path_factory.mktemp("node")) as opened:
        yield opened


@pytest.fixture(scope="module", params=SUPPORTED_LINES)
async def node(node_state: State, request: pytest.FixtureRequest) -> AsyncIterator[Rabbitmq]:
    """A node without queues, of each supported line of releases, for one module."""
    async with rabbitmq_of_line(node_state, request.param) as running:
        yield running


@pytest.fixture
async def postgres_admin(postgres: Postgres) -> AsyncIterator[psycopg.AsyncConnection]:
    """A superuser's connection, for what only an operator can do."""
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def locks(addresses: Addresses, postgres_admin: psycopg.AsyncConnection) -> Locks:
    """Locks on tasks of the shared database."""
    return Locks(addresses, postgres_admin)
