"""A request becomes a command, and the command's outcome becomes the answer."""

import time
from uuid import UUID

import pytest
from common.contracts.commands import CreateTask, DeleteTask, PatchTask, Precondition, ReplaceTask, ToggleTask
from common.contracts.outcomes import Outcome
from gateway.bodies import MERGE_PATCH

from .in_process import COMPLETE, JSON, TASK, TASKS, answered_gateway

TEXT = '{"id":"x","title":"d\u00e9j\u00e0 \\u0001"}'
DONE = Outcome(status="done", task=TEXT)
DELETED = Outcome(status="done")
BODY = b'{"title": "Buy milk"}'
WRITES = [
    pytest.param(("POST", TASKS, BODY), id="create"),
    pytest.param(("PUT", TASK, BODY), id="replace"),
    pytest.param(("PATCH", COMPLETE, None), id="toggle"),
    pytest.param(("DELETE", TASK, None), id="delete"),
]

type Write = tuple[str, str, bytes | None]

USER_ID, TASK_ID = UUID(TASKS.split("/")[2]), UUID(TASK.split("/")[4])


@pytest.mark.parametrize(
    ("outcome", "status", "kind"),
    [
        ("not_found", 404, "task-not-found"),
        ("key_reused", 422, "idempotency-key-reused"),
        ("precondition_failed", 412, "precondition-failed"),
        ("refused", 503, "not-done"),
        ("expired", 503, "not-done"),
        ("unknown", 504, "outcome-unknown"),
    ],
)
@pytest.mark.parametrize("write", WRITES)
async def test_an_outcome_that_is_not_done_is_a_problem(write: Write, outcome: str, status: int, kind: str) -> None:
    method, path, body = write

    async with answered_gateway(Outcome.model_validate({"status": outcome})) as (gateway, _):
        answer = await gateway.ask(method, path, body=body, headers=JSON)

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == f"urn:taskwire:problem:{kind}"


@pytest.mark.parametrize(
    ("outcome", "says_when"),
    [("not_found", False), ("refused", True), ("expired", True), ("unknown", False), ("key_reused", False)],
)
async def test_only_what_was_certainly_not_done_says_when_to_try_again(outcome: str, *, says_when: bool) -> None:
    async with answered_gateway(Outcome.model_validate({"status": outcome})) as (gateway, _):
        answer = await gateway.ask("DELETE", TASK)

    assert ("retry-after" in answer.headers) is says_when


async def test_a_problem_has_the_reason_of_the_outcome() -> None:
    async with answered_gateway(Outcome(status="refused", reason="Too many writes.")) as (gateway, _):
        answer = await gateway.ask("DELETE", TASK)

    assert answer.json()["detail"] == "Too many writes."


@pytest.mark.parametrize(("method", "path", "status"), [("POST", TASKS, 201), ("PUT", TASK, 200)])
async def test_a_task_is_answered_byte_for_byte(method: str, path: str, status: int) -> None:
    async with answered_gateway(DONE) as (gateway, _):
        answer = await gateway.ask(method, path, body=BODY, headers=JSON)

    assert (answer.status, answer.headers["content-type"], answer.body) == (status, "application/json", TEXT.encode())


async def test_a_deletion_is_answered_without_a_body() -> None:
    async with answered_gateway(DELETED) as (gateway, _):
        answer = await gateway.ask("DELETE", TASK)

    assert (answer.status, answer.body) == (204, b"")
    assert "content-type" not in answer.headers


async def test_a_creation_says_where_the_task_is() -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        answer = await gateway.ask("POST", TASKS, body=BODY, headers=JSON)

    (command,) = commands
    assert answer.headers["location"] == f"{TASKS}/{command.task_id}"


async def test_a_creation_has_the_fields_of_the_body() -> None:
    body = b'{"title": "Bread", "description": "rye", "is_completed": true}'

    async with answered_gateway(DONE) as (gateway, commands):
        await gateway.ask("POST", TASKS, body=body, headers=JSON)

    (command,) = commands
    assert isinstance(command, CreateTask)
    assert (command.user_id, command.title, command.description, command.is_completed) == (
        USER_ID,
        "Bread",
        "rye",
        True,
    )


async def test_a_replacement_has_the_defaults_of_missing_fields() -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        await gateway.ask("PUT", TASK, body=BODY, headers=JSON)

    (command,) = commands
    assert isinstance(command, ReplaceTask)
    assert (command.user_id, command.task_id) == (USER_ID, TASK_ID)
    assert (command.title, command.description, command.is_completed) == ("Buy milk", None, False)


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (b"{}", {}),
        (b'{"description": null}', {"description": None}),
        (b'{"is_completed": false, "title": "x"}', {"title": "x", "is_completed": False}),
        (b'{"created_at": "now", "description": ""}', {"description": ""}),
    ],
)
async def test_a_patch_has_the_fields_of_the_body_alone(body: bytes, changes: dict[str, object]) -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        await gateway.ask("PATCH", TASK, body=body, headers={"Content-Type": MERGE_PATCH})

    (command,) = commands
    assert isinstance(command, PatchTask)
    assert (command.user_id, command.task_id, command.changes) == (USER_ID, TASK_ID, changes)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [(None, None), (b"{}", None), (b'{"is_completed": true}', True), (b'{"is_completed": false}', False)],
)
async def test_patch_flips_unless_the_body_says_what_to_set(body: bytes | None, *, wanted: bool | None) -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        await gateway.ask("PATCH", COMPLETE, body=body, headers=JSON)

    (command,) = commands
    assert isinstance(command, ToggleTask)
    assert (command.user_id, command.task_id, command.is_completed) == (USER_ID, TASK_ID, wanted)


async def test_a_deletion_names_the_task_and_its_user() -> None:
    async with answered_gateway(DELETED) as (gateway, commands):
        await gateway.ask("DELETE", TASK.upper().replace("/API", "/api").replace("/TASKS", "/tasks"))

    (command,) = commands
    assert isinstance(command, DeleteTask)
    assert (command.user_id, command.task_id) == (USER_ID, TASK_ID)


async def test_a_command_expires_at_the_write_deadline() -> None:
    before_ms = time.time() * 1000

    async with answered_gateway(DELETED) as (gateway, commands):
        await gateway.ask("DELETE", TASK)

    (command,) = commands
    assert before_ms + 1999 <= command.deadline_unix_ms <= time.time() * 1000 + 2000


async def test_every_request_is_a_command_of_its_own() -> None:
    async with answered_gateway(DELETED) as (gateway, commands):
        for _ in range(3):
            await gateway.ask("DELETE", TASK)

    assert len({command.command_id for command in commands}) == 3


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", TASKS, b'{"title": ""}'),
        ("PUT", TASK, b"{"),
        ("DELETE", f"{TASKS}/1", None),
        ("PATCH", COMPLETE, b"[]"),
    ],
)
async def test_what_is_refused_reaches_no_bus(method: str, path: str, body: bytes | None) -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        answer = await gateway.ask(method, path, body=body, headers=JSON)

    assert (answer.status // 100, commands) == (4, [])


REVISED = Outcome(status="done", task=TEXT, revision=7)


@pytest.mark.parametrize("write", [one for one in WRITES if one.id != "delete"])
async def test_an_answer_with_a_task_has_its_entity_tag(write: Write) -> None:
    method, path, body = write

    async with answered_gateway(REVISED) as (gateway, _):
        answer = await gateway.ask(method, path, body=body, headers=JSON)

    assert answer.headers["etag"] == '"1-7"'


@pytest.mark.parametrize(("method", "path"), [("PUT", TASK), ("PATCH", COMPLETE)])
async def test_the_answer_to_a_change_says_which_task_it_shows(method: str, path: str) -> None:
    async with answered_gateway(REVISED) as (gateway, _):
        upper = path.upper().replace("/API", "/api").replace("/TASKS", "/tasks").replace("/COMPLETE", "/complete")
        answer = await gateway.ask(method, upper, body=BODY if method == "PUT" else None, headers=JSON)

    assert answer.headers["content-location"] == TASK


@pytest.mark.parametrize("outcome", [DONE.model_copy(update={"replayed": True}), DELETED])
async def test_without_a_revision_or_a_task_there_is_no_entity_tag(outcome: Outcome) -> None:
    async with answered_gateway(outcome) as (gateway, _):
        answer = await gateway.ask("DELETE" if outcome is DELETED else "PUT", TASK, body=BODY, headers=JSON)

    assert answer.status < 300
    assert "etag" not in answer.headers


async def test_a_deletion_has_no_entity_tag_although_it_has_a_revision() -> None:
    async with answered_gateway(Outcome(status="done", revision=7)) as (gateway, _):
        answer = await gateway.ask("DELETE", TASK)

    assert "etag" not in answer.headers


@pytest.mark.parametrize("write", WRITES)
async def test_a_precondition_goes_with_the_command_and_only_then(write: Write) -> None:
    method, path, body = write
    conditions = [{}, {"If-Match": '"1-7", W/"1-8"'}, {"If-None-Match": '"1-7"'}, {"If-Match": "*"}]

    async with answered_gateway(REVISED) as (gateway, commands):
        for condition in conditions:
            await gateway.ask(method, path, body=body, headers=JSON | condition)

    expected = [None, Precondition(if_match=[7, 8]), Precondition(if_none_match=[7]), None]
    assert [command.precondition for command in commands] == expected


@pytest.mark.parametrize("write", WRITES)
async def test_a_failed_precondition_is_412_with_the_current_entity_tag(write: Write) -> None:
    method, path, body = write
    failed = Outcome(status="precondition_failed", revision=7, replayed=True)

    async with answered_gateway(failed) as (gateway, _):
        answer = await gateway.ask(method, path, body=body, headers=JSON | {"If-Match": '"1-6"'})

    assert (answer.status, answer.json()["type"]) == (412, "urn:taskwire:problem:precondition-failed")
    assert (answer.headers["etag"], answer.headers["idempotency-replayed"]) == ('"1-7"', "true")
    assert '"1-7"' in answer.json()["detail"]


@pytest.mark.parametrize("write", WRITES)
async def test_dates_mean_nothing_as_tasks_have_none(write: Write) -> None:
    method, path, body = write
    dates = dict.fromkeys(("If-Unmodified-Since", "If-Modified-Since"), "Sat, 29 Oct 1994 19:43:31 GMT")

    async with answered_gateway(REVISED) as (gateway, commands):
        answer = await gateway.ask(method, path, body=body, headers=JSON | dates)

    assert answer.status < 300
    assert [command.precondition for command in commands] == [None]
