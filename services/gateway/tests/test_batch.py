"""A batch becomes commands, and their outcomes become results, or one problem for all of it."""

import json
from typing import Any
from uuid import UUID

import pytest
from common.contracts.commands import CreateTask, DeleteTask, PatchTask, Precondition, ReplaceTask, ToggleTask
from common.contracts.fingerprints import list_fingerprint
from common.contracts.outcomes import Outcome
from gateway.idempotency import derive_command_id

from tests.serving import Answer

from .in_process import BATCH, JSON, TASK, AnsweringLink, answered_gateway, answering_gateway

USER_ID = UUID(BATCH.split("/")[2])
ID = TASK.rpartition("/")[2]
TEXT = '{"id":"x","title":"d\u00e9j\u00e0 \\u0001"}'
DONE = Outcome(status="done", task=TEXT, revision=7)
OPERATIONS: list[dict[str, Any]] = [
    {"op": "create", "title": "a", "description": "b", "is_completed": True},
    {"op": "replace", "id": ID, "title": "a"},
    {"op": "patch", "id": ID.upper(), "description": None},
    {"op": "complete", "id": ID},
    {"op": "complete", "id": ID, "is_completed": False, "if_match": '"1-5", W/"1-6", "other"'},
    {"op": "delete", "id": ID, "if_none_match": "*"},
    {"op": "delete", "id": ID, "if_match": "*"},
]


def body(*operations: dict[str, Any]) -> bytes:
    return json.dumps({"operations": operations}).encode()


async def answer_to(*outcomes: Outcome) -> Answer:
    """The answer to as many deletions with these outcomes."""
    link = AnsweringLink(*outcomes)
    async with answering_gateway(link) as gateway:
        return await gateway.ask("POST", BATCH, body=body(*[{"op": "delete", "id": ID}] * len(outcomes)), headers=JSON)


async def test_each_operation_becomes_its_command() -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        await gateway.ask("POST", BATCH, body=body(*OPERATIONS), headers=JSON)

    create, replace, patch, flip, complete, delete, certain = commands
    assert isinstance(create, CreateTask)
    assert (create.title, create.description, create.is_completed) == ("a", "b", True)
    assert isinstance(replace, ReplaceTask)
    assert (replace.title, replace.description, replace.is_completed) == ("a", None, False)
    assert isinstance(patch, PatchTask)
    assert patch.changes == {"description": None}
    assert isinstance(flip, ToggleTask)
    assert isinstance(complete, ToggleTask)
    assert (flip.is_completed, complete.is_completed) == (None, False)
    assert isinstance(delete, DeleteTask)
    assert {str(one.task_id) for one in commands[1:]} == {ID}
    assert {one.user_id for one in commands} == {USER_ID}
    assert len({one.deadline_unix_ms for one in commands}) == 1
    assert [one.precondition for one in commands] == [
        *[None] * 4, Precondition(if_match=[5, 6]), Precondition(if_match=[]), None
    ]  # fmt: skip
    assert len({one.command_id for one in commands}) == len(commands)
    assert {(one.keyed, one.keyed_list) for one in commands} == {(False, None)}
    assert certain.precondition is None


async def test_commands_of_a_batch_with_a_key_have_ids_by_their_places_and_know_their_list() -> None:
    commands = []
    for _ in range(2):
        async with answered_gateway(DONE) as (gateway, sent):
            headers = JSON | {"Idempotency-Key": "abc"}
            await gateway.ask("POST", BATCH, body=body(*OPERATIONS), headers=headers)
        commands.append(sent)

    one, again = commands
    ids = [command.command_id for command in one]
    assert ids == [command.command_id for command in again]
    assert ids[0] == derive_command_id(USER_ID, "abc")
    assert len(set(ids)) == len(ids)
    assert {one_id.version for one_id in ids} == {8}
    plain = [command.model_copy(update={"keyed_list": None}) for command in one]
    assert {str(command.keyed_list) for command in one} == {
        f"first=UUID('{ids[0]}') fingerprint='{list_fingerprint(plain)}'"
    }


async def test_the_tasks_are_answered_byte_for_byte() -> None:
    async with answered_gateway(DONE) as (gateway, _):
        answer = await gateway.ask("POST", BATCH, body=body(*OPERATIONS[:2]), headers=JSON)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    etag = '"etag":"\\"1-7\\""'
    first, second = (f'{{"status":{status},{etag},"task":{TEXT}}}' for status in (201, 200))
    assert answer.body.decode() == f'{{"results":[{first},{second}]}}'


NOT_FOUND, UNMET = Outcome(status="not_found"), Outcome(status="precondition_failed", revision=9)
GONE = Outcome(status="done", revision=8)
REFUSED, EXPIRED, UNKNOWN = (Outcome.model_validate({"status": one}) for one in ("refused", "expired", "unknown"))


async def test_an_operation_that_was_not_carried_out_has_its_problem() -> None:
    answer = await answer_to(GONE, NOT_FOUND, UNMET, REFUSED, EXPIRED, UNKNOWN)

    results = answer.json()["results"]
    assert [one["status"] for one in results] == [204, 404, 412, 503, 503, 504]
    assert results[0] == {"status": 204}
    assert [one["problem"]["status"] for one in results[1:]] == [404, 412, 503, 503, 504]
    assert [one.get("etag") for one in results] == [None, None, '"1-9"', None, None, None]


@pytest.mark.parametrize(
    ("outcomes", "status", "kind"),
    [
        ([REFUSED, REFUSED], 503, "not-done"),
        ([EXPIRED, REFUSED], 503, "not-done"),
        ([UNKNOWN, UNKNOWN], 504, "outcome-unknown"),
        ([REFUSED, UNKNOWN], 504, "outcome-unknown"),
        ([Outcome(status="key_reused")] * 2, 422, "idempotency-key-reused"),
        ([DONE, Outcome(status="key_reused")], 422, "idempotency-key-reused"),
    ],
)
async def test_without_any_certain_outcome_the_batch_is_answered_as_a_whole(
    outcomes: list[Outcome], status: int, kind: str
) -> None:
    answer = await answer_to(*outcomes)

    assert (answer.status, answer.json()["type"]) == (status, f"urn:taskwire:problem:{kind}")
    assert ("retry-after" in answer.headers) is (status == 503)


@pytest.mark.parametrize(("replayed", "says"), [((True, True), "true"), ((True, False), None), ((False, False), None)])
async def test_an_answer_says_that_it_is_replayed_when_all_of_it_is(
    replayed: tuple[bool, ...], says: str | None
) -> None:
    answer = await answer_to(*(NOT_FOUND.model_copy(update={"replayed": one}) for one in replayed))

    assert answer.headers.get("idempotency-replayed") == says


async def test_a_bad_operation_reaches_no_bus() -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        answer = await gateway.ask("POST", BATCH, body=body(OPERATIONS[0], {"op": "create"}), headers=JSON)

    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "#/operations/1/title")
    assert commands == []


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
async def test_a_condition_of_the_whole_request_is_400(header: str) -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        answer = await gateway.ask("POST", BATCH, body=body(OPERATIONS[0]), headers=JSON | {header: "*"})

    assert (answer.status, answer.json()["type"]) == (400, "urn:taskwire:problem:invalid-precondition")
    assert commands == []
