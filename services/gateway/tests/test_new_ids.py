"""Ids of new commands and tasks begin with the time, whatever asks for them, and are never the same."""

import json
import time
from uuid import RFC_4122, UUID

import pytest
from common.contracts.commands import CreateTask
from common.contracts.outcomes import Outcome
from gateway.new_ids import new_id

from .in_process import BATCH, COMPLETE, JSON, TASK, TASKS, answered_gateway

DONE = Outcome(status="done", task='{"id": "x"}', revision=1)
BODY = b'{"title": "Buy milk"}'
CREATIONS = json.dumps({"operations": [{"op": "create", "title": title} for title in ("a", "b", "c")]}).encode()
LONGEST_STEP_MS = 60_000


def time_ms(one_id: UUID) -> int:
    return one_id.int >> 80


def is_new(one_id: UUID) -> bool:
    """Whether it begins with the present time."""
    return one_id.version == 7 and abs(time_ms(one_id) - time.time() * 1_000) < LONGEST_STEP_MS


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = UUID(new_id())

    assert (made.version, made.variant) == (7, RFC_4122)


def test_an_id_begins_with_the_milliseconds_in_which_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(new_id())
    after = time.time_ns() // 1_000_000

    assert before <= time_ms(made) <= after


def test_no_two_ids_are_the_same() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_the_ids_of_one_millisecond_have_nothing_else_in_common() -> None:
    made = [UUID(new_id()).int & (1 << 62) - 1 for _ in range(200)]

    assert {bit for bit in range(62) if len({one >> bit & 1 for one in made}) == 1} == set()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", TASKS, BODY, id="create"),
        pytest.param("PUT", TASK, BODY, id="replace"),
        pytest.param("PATCH", COMPLETE, None, id="toggle"),
        pytest.param("DELETE", TASK, None, id="delete"),
        pytest.param("POST", BATCH, CREATIONS, id="batch"),
    ],
)
async def test_every_command_without_a_key_has_a_new_id(method: str, path: str, body: bytes | None) -> None:
    async with answered_gateway(DONE) as (gateway, sent):
        await gateway.ask(method, path, body=body, headers=JSON)

    assert sent
    assert all(is_new(command.command_id) for command in sent)


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "abc"}], ids=["without a key", "with a key"])
@pytest.mark.parametrize(("path", "body"), [(TASKS, BODY), (BATCH, CREATIONS)], ids=["alone", "in a batch"])
async def test_every_new_task_has_a_new_id(path: str, body: bytes, key: dict[str, str]) -> None:
    async with answered_gateway(DONE) as (gateway, sent):
        await gateway.ask("POST", path, body=body, headers=JSON | key)

    tasks = [command.task_id for command in sent if isinstance(command, CreateTask)]
    assert tasks
    assert all(is_new(task_id) for task_id in tasks)
