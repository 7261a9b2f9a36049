"""Services are restarted under load, as for a new release: replicas one by one, and the only one there is.

The clients are those of `make faults`: each does one operation at a time over kept connections, and tries the other
gateway when one refuses the connection, before it has sent anything. Nothing else is repeated, but writes with a key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from faults.history import LOST, Operation
from faults.injuries import injure
from faults.load import Client, Load
from faults.schedule import SERVICES, Fault
from faults.system import System
from tests.faults.conftest import patient_system
from tests.waiting import eventually

CLIENTS = 8
SEEDS = count(4)  # one for each load: then its users are new, and what it knows of them is right
FEWEST_OPERATIONS = 50
DEFINITE_ERRORS = {503, 504}
LIMIT_S = 30.0


@pytest.fixture(scope="module")
async def replicated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    async with patient_system(tmp_path_factory.mktemp("restarts")) as running:
        yield running


@asynccontextmanager
async def load_on(*gateway_urls: str) -> AsyncIterator[list[Operation]]:
    """All operations of clients that are busy as long as it is open."""
    operations: list[Operation] = []
    seed = next(SEEDS)
    load = Load(gateway_urls, operations.append, answer_within_s=LIMIT_S, pause_s=0)
    async with asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(Client(number, seed, load).run())
        await eventually(lambda: enough(operations), within_s=LIMIT_S)
        try:
            yield operations
        finally:
            before = len(operations)
            await eventually(lambda: enough(operations[before:]), within_s=LIMIT_S)
            load.ending.set()


async def enough(operations: list[Operation]) -> bool:
    return len(operations) >= FEWEST_OPERATIONS


def failure_of(operation: Operation) -> str:
    return f"{operation.request.verb} {operation.status or operation.failure} {operation.body}"


@pytest.mark.parametrize("service", SERVICES)
async def test_a_rolling_restart_of_two_replicas_fails_no_request(replicated: System, service: str) -> None:
    async with load_on(*replicated.gateway_urls) as operations:
        await injure(replicated, Fault("restart", service, 0), 0)

    assert [failure_of(operation) for operation in operations if not operation.is_answered] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_restart_of_the_only_replica_gives_definite_answers(replicated: System, service: str) -> None:
    _, second = replicated.replicas[service]
    await second.stop()
    try:
        async with load_on(replicated.gateway_urls[0]) as operations:
            await injure(replicated, Fault("restart", service, 0), 0)
    finally:
        await second.start()
        await eventually(replicated.is_ready, within_s=LIMIT_S)

    failed = [operation for operation in operations if not operation.is_answered]
    assert [failure_of(operation) for operation in failed if operation.failure == LOST] == []
    assert {operation.status for operation in failed if operation.status is not None} <= DEFINITE_ERRORS
