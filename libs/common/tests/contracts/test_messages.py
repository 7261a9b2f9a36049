"""The wire formats as literal JSON: another release, or another language, meets exactly these bytes on the bus."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args
from uuid import UUID

import pytest
from common.contracts.commands import (
    AnyCommand,
    CommandBatch,
    CreateTask,
    DeleteTask,
    KeyedList,
    PatchTask,
    Precondition,
    ReplaceTask,
    ToggleTask,
)
from common.contracts.fields import TaskChanges, TaskFields
from common.contracts.hints import ChangeHint
from common.contracts.message import Operation
from common.contracts.outcomes import Outcome, OutcomeBatch
from common.contracts.reader_status import ReaderStatus, ReplicaLag
from common.contracts.reads import MAX_READS_PER_BATCH, Page, Position, Read, ReadBatch
from common.contracts.revised import NotReached, not_reached
from pydantic import ValidationError

COMMAND_ID = UUID("0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01")
USER_ID = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11")
TASK_ID = UUID("c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33")
DEADLINE_UNIX_MS = 1_795_000_000_123

CREATE = """
{"type": "create_task", "command_id": "0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01",
 "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "deadline_unix_ms": 1795000000123,
 "task_id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33", "title": "Buy milk \\u2615", "description": "2 litres",
 "is_completed": false}
"""
REPLACE = """
{"type": "replace_task", "command_id": "0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01",
 "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "deadline_unix_ms": 1795000000123,
 "task_id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33", "title": "Buy bread", "description": null,
 "is_completed": true}
"""
PATCH = """
{"type": "patch_task", "command_id": "0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01",
 "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "deadline_unix_ms": 1795000000123,
 "task_id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33",
 "changes": {"title": "Buy bread", "description": null, "is_completed": true}}
"""
PATCH_OF_ONE_FIELD = """
{"type": "patch_task", "command_id": "0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01",
 "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "deadline_unix_ms": 1795000000123,
 "task_id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33", "changes": {"description": null}}
"""
DELETE = """
{"type": "delete_task", "command_id": "0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01",
 "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "deadline_unix_ms": 1795000000123,
 "task_id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"}
"""
FLIP = """
{"type": "toggle_task", "command_id": "0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01",
 "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "deadline_unix_ms": 1795000000123,
 "task_id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33", "is_completed": null}
"""
SET = """
{"type": "toggle_task", "command_id": "0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01",
 "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "deadline_unix_ms": 1795000000123,
 "task_id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33", "is_completed": true}
"""

READS = """
{"reads": [{"user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "task_id": null},
           {"user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "task_id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"}]}
"""
PAGES = """
{"reads": [{"user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "task_id": null,
            "page": {"order": "-created_at", "limit": 50}},
           {"user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "task_id": null,
            "page": {"order": "title", "limit": 1, "is_completed": false,
                     "created_after": "2026-11-23T01:43:50.378970Z", "created_before": "2026-11-30T23:00:00Z",
                     "q": "milk \u2615", "after": {"key": "Buy milk", "id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"}}}]}
"""
PAGE_BATCH = ReadBatch(
    reads=[
        Read(user_id=USER_ID, page=Page(limit=50)),
        Read(
            user_id=USER_ID,
            page=Page(
                order="title",
                limit=1,
                is_completed=False,
                created_after=datetime(2026, 11, 23, 1, 43, 50, 378_970, UTC),
                created_before=datetime(2026, 12, 1, tzinfo=timezone(timedelta(hours=1))),
                q="milk \u2615",
                after=Position(key="Buy milk", id=TASK_ID),
            ),
        ),
    ]
)
READ_BATCH = ReadBatch(reads=[Read(user_id=USER_ID), Read(user_id=USER_ID, task_id=TASK_ID)])

ENVELOPE = {"command_id": COMMAND_ID, "user_id": USER_ID, "deadline_unix_ms": DEADLINE_UNIX_MS, "task_id": TASK_ID}
COMMANDS: list[tuple[str, AnyCommand]] = [
    (CREATE, CreateTask(**ENVELOPE, title="Buy milk \u2615", description="2 litres", is_completed=False)),
    (REPLACE, ReplaceTask(**ENVELOPE, title="Buy bread", description=None, is_completed=True)),
    (
        PATCH,
        PatchTask(**ENVELOPE, changes={"title": "Buy bread", "description": None, "is_completed": True}),
    ),
    (PATCH_OF_ONE_FIELD, PatchTask(**ENVELOPE, changes={"description": None})),
    (DELETE, DeleteTask(**ENVELOPE)),
    (FLIP, ToggleTask(**ENVELOPE, is_completed=None)),
    (SET, ToggleTask(**ENVELOPE, is_completed=True)),
]
OUTCOMES: list[tuple[str, Outcome]] = [
    ('{"status": "done", "task": "{\\"id\\":1}"}', Outcome(status="done", task='{"id":1}')),
    ('{"status": "done"}', Outcome(status="done")),
    ('{"status": "not_found"}', Outcome(status="not_found")),
    ('{"status": "expired", "reason": "too late"}', Outcome(status="expired", reason="too late")),
    ('{"status": "refused", "reason": "full"}', Outcome(status="refused", reason="full")),
    ('{"status": "unknown", "reason": "lost"}', Outcome(status="unknown", reason="lost")),
    ('{"status": "key_reused", "reason": "taken"}', Outcome(status="key_reused", reason="taken")),
    ('{"status": "done", "task": "{}", "replayed": true}', Outcome(status="done", task="{}", replayed=True)),
    ('{"status": "done", "task": "{}", "revision": 7}', Outcome(status="done", task="{}", revision=7)),
    ('{"status": "precondition_failed", "revision": 7}', Outcome(status="precondition_failed", revision=7)),
]
PRECONDITIONS = [
    ({"if_match": [1764115200000000, 7]}, Precondition(if_match=[1764115200000000, 7])),
    ({"if_match": []}, Precondition(if_match=[])),
    ({"if_none_match": [7]}, Precondition(if_none_match=[7])),
    ({"if_match": [7], "if_none_match": [8]}, Precondition(if_match=[7], if_none_match=[8])),
]
OF_EACH_COMMAND = pytest.mark.parametrize(
    ("literal", "command"), COMMANDS, ids=["create", "replace", "patch", "patch one field", "delete", "flip", "set"]
)
OF_EACH_OUTCOME = pytest.mark.parametrize(
    ("literal", "outcome"),
    OUTCOMES,
    ids=["done", "deleted", "not found", "expired", "refused", "unknown", "key reused", "replayed", "revised", "unmet"],
)


def batch_of(*literals: str) -> str:
    """The JSON of a batch with these commands."""
    return json.dumps({"commands": [json.loads(literal) for literal in literals]})


def outcomes_of(*literals: str) -> str:
    """The JSON of an answer with these outcomes."""
    return json.dumps({"outcomes": [json.loads(literal) for literal in literals]})


def changed(literal: str, **fields: object) -> str:
    """The JSON object with these fields added or changed."""
    return json.dumps({**json.loads(literal), **fields})


def without(literal: str, field: str) -> str:
    """The JSON object without this field."""
    return json.dumps({name: value for name, value in json.loads(literal).items() if name != field})


def refused(literal: str) -> list[str]:
    """The faults of the first command, each as `place: kind`; fails when the batch is accepted."""
    with pytest.raises(ValidationError) as caught:
        CommandBatch.model_validate_json(batch_of(literal))
    return [".".join(map(str, fault["loc"][2:])) + ": " + fault["type"] for fault in caught.value.errors()]


def test_every_command_and_every_status_is_frozen() -> None:
    assert {type(command) for _, command in COMMANDS} == set(get_args(AnyCommand.__value__))
    assert {outcome.status for _, outcome in OUTCOMES} == set(get_args(Outcome.model_fields["status"].annotation))


@OF_EACH_COMMAND
def test_a_command_is_written_as_frozen(literal: str, command: AnyCommand) -> None:
    written: Any = json.loads(CommandBatch(commands=[command]).model_dump_json())

    assert written == {"commands": [json.loads(literal)]}


@OF_EACH_COMMAND
def test_a_frozen_command_is_read(literal: str, command: AnyCommand) -> None:
    read = CommandBatch.model_validate_json(batch_of(literal))

    assert read.commands == [command]


@OF_EACH_COMMAND
def test_a_field_of_a_later_release_is_ignored(literal: str, command: AnyCommand) -> None:
    later = changed(literal, priority="high")

    read = CommandBatch.model_validate_json(changed(batch_of(later), trace="abc"))

    assert read.commands == [command]


@OF_EACH_COMMAND
def test_a_command_with_a_key_says_so_and_one_without_says_nothing(literal: str, command: AnyCommand) -> None:
    keyed = command.model_copy(update={"keyed": True})

    written: Any = json.loads(CommandBatch(commands=[keyed, command]).model_dump_json())

    assert written == {"commands": [json.loads(changed(literal, keyed=True)), json.loads(literal)]}


@OF_EACH_COMMAND
def test_a_frozen_command_with_a_key_is_read(literal: str, command: AnyCommand) -> None:
    read = CommandBatch.model_validate_json(batch_of(changed(literal, keyed=True)))

    assert read.commands == [command.model_copy(update={"keyed": True})]


@OF_EACH_COMMAND
@pytest.mark.parametrize(("frozen", "precondition"), PRECONDITIONS)
def test_a_command_with_a_precondition_is_written_and_read_as_frozen(
    literal: str, command: AnyCommand, frozen: dict[str, list[int]], precondition: Precondition
) -> None:
    conditional = command.model_copy(update={"precondition": precondition})
    expected = batch_of(changed(literal, precondition=frozen))

    written = CommandBatch(commands=[conditional]).model_dump_json()

    assert json.loads(written) == json.loads(expected)
    assert CommandBatch.model_validate_json(expected).commands == [conditional]


@OF_EACH_COMMAND
def test_a_command_of_a_list_under_one_key_is_written_and_read_as_frozen(literal: str, command: AnyCommand) -> None:
    frozen = {"first": str(TASK_ID), "fingerprint": "00112233445566778899aabbccddeeff"}
    of_list = command.model_copy(update={"keyed": True, "keyed_list": KeyedList.model_validate(frozen)})
    expected = batch_of(changed(literal, keyed=True, keyed_list=frozen))

    written = CommandBatch(commands=[of_list]).model_dump_json()

    assert json.loads(written) == json.loads(expected)
    assert CommandBatch.model_validate_json(expected).commands == [of_list]


@pytest.mark.parametrize("fingerprint", ["", "00", "x" * 32, "A" * 32, None])
def test_a_list_without_a_fingerprint_is_refused(fingerprint: str | None) -> None:
    (fault,) = refused(changed(CREATE, keyed_list={"first": str(TASK_ID), "fingerprint": fingerprint}))

    assert fault.startswith("create_task.keyed_list.fingerprint: ")


def test_a_batch_keeps_its_commands_in_order() -> None:
    literals, commands = [literal for literal, _ in COMMANDS], [command for _, command in COMMANDS]

    read = CommandBatch.model_validate_json(batch_of(*literals))

    assert read.commands == commands
    assert json.loads(read.model_dump_json()) == {"commands": [json.loads(literal) for literal in literals]}


@pytest.mark.parametrize("literal", [CREATE, REPLACE], ids=["create", "replace"])
def test_what_may_be_left_out_gets_its_default(literal: str) -> None:
    bare = without(without(literal, "description"), "is_completed")

    (command,) = CommandBatch.model_validate_json(batch_of(bare)).commands

    assert isinstance(command, CreateTask | ReplaceTask)
    assert (command.description, command.is_completed) == (None, False)


def test_a_toggle_without_a_completion_flips() -> None:
    (command,) = CommandBatch.model_validate_json(batch_of(without(FLIP, "is_completed"))).commands

    assert isinstance(command, ToggleTask)
    assert command.is_completed is None


def test_a_patch_may_change_each_field_of_a_task() -> None:
    assert list(TaskChanges.__annotations__) == list(TaskFields.model_fields)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"title": " "}, ["title: blank_text"]),
        ({"title": None}, ["title: string_type"]),
        ({"is_completed": None}, ["is_completed: bool_type"]),
        ({"description": "\u0000"}, ["description: unstorable_text"]),
    ],
    ids=str,
)
def test_a_patch_with_a_faulty_field_is_refused(changes: dict[str, object], faults: list[str]) -> None:
    assert refused(changed(PATCH, changes=changes)) == [f"patch_task.changes.{fault}" for fault in faults]


def test_a_field_of_a_later_release_in_a_patch_is_ignored() -> None:
    (command,) = CommandBatch.model_validate_json(batch_of(changed(PATCH, changes={"due_at": "today"}))).commands

    assert isinstance(command, PatchTask)
    assert command.changes == {}


@OF_EACH_COMMAND
def test_a_command_lacks_no_field_of_its_envelope(literal: str, command: AnyCommand) -> None:
    for field in ("command_id", "user_id", "deadline_unix_ms", "task_id"):
        assert refused(without(literal, field)) == [f"{command.type}.{field}: missing"]


@OF_EACH_COMMAND
def test_a_command_names_its_type(literal: str, command: AnyCommand) -> None:
    del command  # any

    assert refused(without(literal, "type")) == [": union_tag_not_found"]
    assert refused(changed(literal, type="archive_task")) == [": union_tag_invalid"]


@pytest.mark.parametrize(("literal", "kind"), [(CREATE, "create_task"), (REPLACE, "replace_task")])
@pytest.mark.parametrize(
    ("title", "fault"),
    [
        ("", "string_too_short"),
        ("x" * 256, "string_too_long"),
        (" \t\n\u00a0\u3000", "blank_text"),
        ("Buy\u0000milk", "unstorable_text"),
        (None, "string_type"),
        (7, "string_type"),
    ],
    ids=["empty", "too long", "blank", "U+0000", "null", "number"],
)
def test_a_faulty_title_is_refused(literal: str, kind: str, title: object, fault: str) -> None:
    assert refused(changed(literal, title=title)) == [f"{kind}.title: {fault}"]


@pytest.mark.parametrize(("literal", "kind"), [(CREATE, "create_task"), (REPLACE, "replace_task")])
def test_a_missing_title_is_refused(literal: str, kind: str) -> None:
    assert refused(without(literal, "title")) == [f"{kind}.title: missing"]


@pytest.mark.parametrize(("literal", "kind"), [(CREATE, "create_task"), (REPLACE, "replace_task")])
@pytest.mark.parametrize(
    ("description", "fault"),
    [("x" * 2001, "string_too_long"), ("\u0000", "unstorable_text")],
    ids=["too long", "U+0000"],
)
def test_a_faulty_description_is_refused(literal: str, kind: str, description: str, fault: str) -> None:
    assert refused(changed(literal, description=description)) == [f"{kind}.description: {fault}"]


# Four bytes each in UTF-8, two units each in UTF-16, and one character each in PostgreSQL's varchar.
def test_the_limits_count_characters() -> None:
    longest = changed(CREATE, title="\U0001f95b" * 255, description="\U0001f95b" * 2000)

    (command,) = CommandBatch.model_validate_json(batch_of(longest)).commands

    assert isinstance(command, CreateTask)
    assert (len(command.title), len(command.description or "")) == (255, 2000)


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[]", "{}", '{"commands": []}', '{"commands": {}}', batch_of(CREATE)[:-4]],
    ids=["nothing", "cut off", "null", "array", "no commands", "empty batch", "object", "cut off late"],
)
def test_what_is_no_batch_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        CommandBatch.model_validate_json(body)


# The writer leaves out what is at its default, as here.
@OF_EACH_OUTCOME
def test_an_outcome_is_written_as_frozen(literal: str, outcome: Outcome) -> None:
    written: Any = json.loads(OutcomeBatch(outcomes=[outcome]).model_dump_json(exclude_defaults=True))

    assert written == {"outcomes": [json.loads(literal)]}


@OF_EACH_OUTCOME
def test_a_frozen_outcome_is_read(literal: str, outcome: Outcome) -> None:
    later = changed(literal, took_ms=3)

    read = OutcomeBatch.model_validate_json(changed(outcomes_of(literal, later), writer="a"))

    assert read.outcomes == [outcome, outcome]


@pytest.mark.parametrize("literal", ["{}", '{"status": "maybe"}', '{"status": null}', '{"status": "done", "task": {}}'])
def test_what_is_no_outcome_is_refused(literal: str) -> None:
    with pytest.raises(ValidationError):
        OutcomeBatch.model_validate_json(outcomes_of(literal))


def test_a_batch_of_reads_is_written_as_frozen() -> None:
    written: Any = json.loads(READ_BATCH.model_dump_json())

    assert written == json.loads(READS)


def test_pages_are_written_and_read_as_frozen() -> None:
    written: Any = json.loads(PAGE_BATCH.model_dump_json())

    assert written == json.loads(PAGES)
    assert ReadBatch.model_validate_json(PAGES) == PAGE_BATCH


@pytest.mark.parametrize(
    ("spelled", "moment"),
    [
        ("2026-12-01T00:00:00+01:00", "2026-11-30T23:00:00Z"),
        ("2026-12-01T00:00:00.000001-23:59", "2026-12-01T23:59:00.000001Z"),
        ("0001-01-01T00:00:00+00:01", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_moment_is_written_in_utc_within_the_years_that_there_are(spelled: str, moment: str) -> None:
    page = Page.model_validate({"limit": 1, "created_after": spelled})

    assert json.loads(page.model_dump_json())["created_after"] == moment


@pytest.mark.parametrize(
    "page",
    [
        {}, {"limit": 0}, {"limit": 1001}, {"limit": 1, "order": "id"}, {"limit": 1, "q": ""},
        {"limit": 1, "q": "x" * 256}, {"limit": 1, "q": "\x00"}, {"limit": 1, "created_after": "2026-12-01T00:00:00"},
        {"limit": 1, "after": {"key": "milk", "id": str(TASK_ID)}},
        {"limit": 1, "after": {"key": "2026-02-30T01:43:50.378970+00:00", "id": str(TASK_ID)}},
        {"limit": 1, "after": {"key": "2026-W48-1T01:43:50.378970+00:00", "id": str(TASK_ID)}},
        {"limit": 1, "order": "title", "after": {"key": "x" * 256, "id": str(TASK_ID)}},
        {"limit": 1, "order": "title", "after": {"key": "\x00", "id": str(TASK_ID)}},
    ],
    ids=repr,
)  # fmt: skip
def test_what_postgresql_could_not_take_is_no_page(page: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Page.model_validate(page)


def test_a_read_of_changes_is_written_as_frozen() -> None:
    written = ReadBatch(reads=[Read(user_id=USER_ID, since=1764115200000000)]).model_dump_json()

    assert json.loads(written) == {
        "reads": [{"user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "task_id": None, "since": 1764115200000000}]
    }


def test_a_batch_that_wants_revisions_says_so_and_what_is_known() -> None:
    reads = [read.model_copy(update={"known_revision": place * 7}) for place, read in enumerate(READ_BATCH.reads)]
    batch = ReadBatch(reads=reads, revisions=True)
    known = [{**read, "known_revision": place * 7} for place, read in enumerate(json.loads(READS)["reads"])]

    written = json.loads(batch.model_dump_json())

    assert written == {"reads": known, "revisions": True}
    assert ReadBatch.model_validate(written) == batch


def test_a_read_that_must_have_reached_a_revision_says_so() -> None:
    reads = [read.model_copy(update={"min_revision": 1764115200000000}) for read in READ_BATCH.reads]
    batch = ReadBatch(reads=reads, revisions=True)
    named = [{**read, "min_revision": 1764115200000000} for read in json.loads(READS)["reads"]]

    written = json.loads(batch.model_dump_json())

    assert written == {"reads": named, "revisions": True}
    assert ReadBatch.model_validate(written) == batch


def test_the_signs_of_a_revision_that_is_not_reached_are_frozen() -> None:
    answers = [memoryview(answer) for answer in (b"behind", b"unreached", b"7", b"0", b"7 {}", b"[]")]

    assert [not_reached(answer) for answer in answers] == [NotReached.BEHIND, NotReached.UNREACHED, *[None] * 4]


NAMED = {"request_id": "mine", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.mark.parametrize("operation", [*READ_BATCH.reads, *(command for _, command in COMMANDS)], ids=repr)
def test_an_operation_with_request_id_and_trace_is_written_as_frozen(operation: Operation) -> None:
    written = json.loads(operation.model_copy(update=NAMED).model_dump_json())

    assert written == json.loads(operation.model_dump_json()) | NAMED
    assert type(operation).model_validate(written) == operation.model_copy(update=NAMED)


HINT = f'{{"revisions":{{"{USER_ID}":1764115200000000}}}}'


def test_a_hint_is_written_and_read_as_frozen() -> None:
    hint = ChangeHint(revisions={USER_ID: 1764115200000000})

    assert hint.model_dump_json() == HINT
    assert ChangeHint.model_validate_json(changed(HINT, writer="a")) == hint


def test_a_frozen_batch_of_reads_is_read() -> None:
    later = changed(READS, trace="abc", reads=[{**read, "sort": "title"} for read in json.loads(READS)["reads"]])

    assert ReadBatch.model_validate_json(READS) == READ_BATCH
    assert ReadBatch.model_validate_json(later) == READ_BATCH


def test_a_read_without_a_task_is_of_all_tasks() -> None:
    (read,) = ReadBatch.model_validate_json(f'{{"reads": [{{"user_id": "{USER_ID}"}}]}}').reads

    assert read.task_id is None


@pytest.mark.parametrize(
    "reads",
    [[], [{}], [{"user_id": None}], [{"user_id": "1"}], [{"user_id": str(USER_ID)}] * (MAX_READS_PER_BATCH + 1)],
    ids=["none", "nobody's", "null's", "no UUID", "too many"],
)
def test_what_is_no_batch_of_reads_is_refused(reads: list[object]) -> None:
    with pytest.raises(ValidationError):
        ReadBatch.model_validate_json(json.dumps({"reads": reads}))


def test_the_status_of_a_reader_is_written_and_read_as_frozen() -> None:
    literal = (
        '{"database":"up","is_late":false,"replicas":[{"server":"10.0.0.3","lag_s":0.2},{"server":null,"lag_s":null}]}'
    )
    lags = [ReplicaLag(server="10.0.0.3", lag_s=0.2), ReplicaLag(server=None, lag_s=None)]
    status = ReaderStatus(database="up", is_late=False, replicas=lags)

    assert status.model_dump_json() == literal
    assert ReaderStatus.model_validate_json(literal) == status
