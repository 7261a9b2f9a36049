"""Runs of the system that many tests look at, each closed, so that its counts are complete."""

from collections.abc import Awaitable, Callable, Mapping

import pytest
from common.contracts.commands import CreateTask
from common.postgres.database import Database
from local_stack.rabbitmq import Rabbitmq
from task_writer.batches import carry_out

from tests.commands import create
from tests.conftest import Addresses
from tests.counts.counted_writes import CountedWrites, counted_writes
from tests.counts.gateway_client import ask_at_once, creates, writes_of_each_type

type TaskMaker = Callable[[int], Awaitable[list[CreateTask]]]

SIZES = (1, 16, 128)


@pytest.fixture(scope="session")
def make_tasks(writer_database: Database) -> TaskMaker:
    """Creates that many tasks, each of another user."""

    async def make(count: int) -> list[CreateTask]:
        tasks = [create() for _ in range(count)]
        await carry_out(writer_database, tasks)
        return tasks

    return make


@pytest.fixture(scope="session")
async def mixed_writes(addresses: Addresses, rabbitmq: Rabbitmq, make_tasks: TaskMaker) -> Mapping[int, CountedWrites]:
    """One batch of writes of all four types, by its size; of one write, it is a create."""
    runs = {}
    for size in SIZES:
        async with counted_writes(addresses, rabbitmq) as runs[size]:
            await ask_at_once(runs[size].gateway, writes_of_each_type(await make_tasks(size)))
    return runs


@pytest.fixture(scope="session")
async def create_writes(addresses: Addresses, rabbitmq: Rabbitmq) -> Mapping[int, CountedWrites]:
    """One batch of creates, by its size."""
    runs = {}
    for size in SIZES:
        async with counted_writes(addresses, rabbitmq) as runs[size]:
            await ask_at_once(runs[size].gateway, creates(size))
    return runs
