"""Clients that read changes alone have the list at every revision, while many write through two task-writers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest

from faults.system import System
from tests.contract.tasks import CHANGES, COMPLETE, CREATE, DELETE, LIST, REPLACE, Operation
from tests.faults.conftest import patient_system

USERS, WRITERS_OF_EACH, CLIENTS_OF_EACH = 4, 5, 3
ROUNDS, WRITES_OF_A_ROUND = 4, 15  # of each writer

type Tasks = dict[str, Any]


@dataclass
class User:
    """One user, the ids that anyone may write to, and what each revision has been seen to mean."""

    id: str = field(default_factory=lambda: str(uuid4()))
    task_ids: list[str] = field(default_factory=list)
    seen: dict[int, Tasks] = field(default_factory=dict)


@dataclass
class Client:
    """A copy of one user's tasks, kept with changes alone."""

    user: User
    http: httpx.AsyncClient
    copy: Tasks = field(default_factory=dict)
    revision: int = 0
    syncs: int = 0
    differences: int = 0

    async def sync(self) -> None:
        answer = await self.http.get(CHANGES.url(self.user.id, ""), params={"since": self.revision})
        assert answer.status_code == 200, answer.text
        changes = answer.json()
        assert changes["revision"] >= self.revision
        assert bool(changes["changed"] or changes["deleted"]) == (changes["revision"] > self.revision)
        self.copy |= {task["id"]: task for task in changes["changed"]}
        for task_id in changes["deleted"]:
            self.copy.pop(task_id, None)
        self.revision = changes["revision"]
        self.syncs += 1
        self.differences += self.user.seen.setdefault(self.revision, dict(self.copy)) != self.copy


@pytest.fixture(scope="module")
async def replicated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """Two of each service."""
    async with patient_system(tmp_path_factory.mktemp("deltas")) as system:
        yield system


async def write(user: User, http: httpx.AsyncClient, chance: Random) -> int:
    """A round of one writer's writes; how many of them found their task."""
    done = 0
    for _ in range(WRITES_OF_A_ROUND):
        operation = chance.choice((CREATE, CREATE, REPLACE, COMPLETE, COMPLETE, DELETE)) if user.task_ids else CREATE
        task_id = chance.choice(user.task_ids) if operation is not CREATE else ""
        answer = await http.request(
            operation.method, operation.url(user.id, task_id), json=body_of(operation, chance.randrange(1_000_000))
        )
        assert answer.status_code in {operation.success, 404}, answer.text
        done += answer.is_success
        if operation is CREATE:
            user.task_ids.append(answer.json()["id"])
        elif operation is DELETE and task_id in user.task_ids:
            user.task_ids.remove(task_id)
    return done


def body_of(operation: Operation, number: int) -> dict[str, object] | None:
    return {"title": f"task {number}"} if operation in (CREATE, REPLACE) else None


async def until_ended(client: Client, ended: asyncio.Event) -> None:
    while not ended.is_set():
        await client.sync()


async def differs_from_list(client: Client) -> bool:
    """Whether the copy is another than the list, once nobody writes."""
    await client.sync()
    listed: list[Any] = (await client.http.get(LIST.url(client.user.id, ""))).json()
    return sorted(client.copy.values(), key=lambda task: (task["created_at"], task["id"]), reverse=True) != listed


async def test_clients_of_changes_have_the_list_at_every_revision(replicated: System) -> None:
    urls, chance = replicated.gateway_urls, Random(14)  # noqa: S311 - to be repeated, not to be secret
    users = [User() for _ in range(USERS)]
    async with (
        httpx.AsyncClient(base_url=urls[0], timeout=20, trust_env=False) as one,
        httpx.AsyncClient(base_url=urls[1], timeout=20, trust_env=False) as other,
    ):
        gateways = (one, other)
        clients = [Client(user, gateways[number % 2]) for user in users for number in range(CLIENTS_OF_EACH)]
        writes = different = 0
        for _ in range(ROUNDS):
            ended = asyncio.Event()
            async with asyncio.TaskGroup() as syncing:
                for client in clients:
                    syncing.create_task(until_ended(client, ended))
                rounds = [
                    write(user, gateways[number % 2], Random(chance.random()))  # noqa: S311
                    for user in users
                    for number in range(WRITERS_OF_EACH)
                ]
                writes += sum(await asyncio.gather(*rounds))
                ended.set()
            different += sum([await differs_from_list(client) for client in clients])

    syncs = sum(client.syncs for client in clients)
    revisions = sum(len(user.seen) for user in users)
    different += sum(client.differences for client in clients)
    print(f"{writes} writes, {syncs} deltas, {revisions} revisions seen, {different} differences")
    assert syncs > 3 * ROUNDS * len(clients), "nobody read while others wrote"
    assert different == 0
