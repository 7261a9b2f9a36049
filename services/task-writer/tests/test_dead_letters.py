"""How a dead letter is described, and when it may be replayed."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aio_pika import Message
from common.contracts.commands import LAST_DEADLINE_UNIX_MS, CommandBatch
from task_writer.dead_letter_commands import line, printable, whole
from task_writer.dead_letters import (
    FIRST_DEADLINE_HEADER,
    LogWindow,
    NotPossible,
    read_dead_letter,
    replay_messages,
    safe_until,
)

from tests.task_fields import DEFAULTS

DAY_S = 24 * 3600.0
OF_A_DAY = LogWindow(DAY_S)
NOW = datetime.now(UTC).replace(microsecond=0)
SECRET = "a-text-of-a-user"  # noqa: S105 - stands for what only `show` may show
KILLED = {"x-death": [{"reason": "delivery_limit", "queue": "q", "time": NOW}], "x-delivery-count": 6}


def body(*deadlines_unix_ms: int, **fields: Any) -> bytes:
    """A batch with a command for each deadline."""
    ids = {name: str(uuid4()) for name in ("command_id", "user_id", "task_id")}
    command = {"type": "create_task", "title": SECRET} | ids | fields
    return json.dumps(
        {"commands": [command | {"deadline_unix_ms": deadline} for deadline in deadlines_unix_ms]}
    ).encode()


def unix_ms(**ago: float) -> int:
    return int((time.time() - timedelta(**ago).total_seconds()) * 1000)


def letter_of(content: bytes, **properties: Any) -> Any:
    return read_dead_letter(Message(content, **properties))


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"x-reason": "malformed: : json_invalid"}, "cannot be read: json_invalid"),
        ({"x-reason": "malformed: commands: missing"}, "cannot be read: commands: missing"),
        ({"x-reason": "DataError 22021"}, "PostgreSQL rejected it: DataError 22021"),
        ({"x-death": [{"reason": "maxlen"}]}, "met a full queue"),
        ({"x-death": [{"reason": "moonlight"}]}, "dead-lettered by RabbitMQ: moonlight"),
        ({"x-death": []}, "no reason was recorded"),
        ({"x-death": "yes"}, "no reason was recorded"),
        ({}, "no reason was recorded"),
    ],
)
def test_the_reason_is_readable(headers: Any, reason: str) -> None:
    assert letter_of(b"{}", headers=headers).reason == reason


def test_a_batch_that_came_too_often_says_so_and_when() -> None:
    dead_letter = letter_of(body(unix_ms()), headers=KILLED, timestamp=NOW - timedelta(hours=1))

    assert dead_letter.reason.startswith("exceeded the delivery limit: ")
    assert dead_letter.dead_lettered_at == NOW


def test_a_look_leaves_the_id_as_it_is() -> None:
    content = body(unix_ms())
    properties: dict[str, Any] = {"message_id": "m", "correlation_id": "c", "timestamp": NOW}

    ids = {
        letter_of(content, headers=headers, **properties).id
        for headers in ({}, {"x-delivery-count": 1}, {"x-delivery-count": 7, "x-acquired-count": 8}, KILLED)
    }

    assert len(ids) == 1


@pytest.mark.parametrize("change", [{"message_id": "n"}, {"correlation_id": "d"}, {"headers": {"x-reason": "other"}}])
def test_other_dead_letters_have_other_ids(change: Any) -> None:
    properties: dict[str, Any] = {"message_id": "m", "correlation_id": "c", "timestamp": NOW}

    assert letter_of(b"{}", **properties).id != letter_of(b"{}", **(properties | change)).id
    assert letter_of(b"{}", **properties).id != letter_of(b"[]", **properties).id


def test_a_line_names_types_and_users_and_no_text() -> None:
    user = uuid4()

    said = line(letter_of(body(1, 1, user_id=str(user), description=SECRET), timestamp=NOW))

    assert f"2 commands (2 create_task) of {user}" in said
    assert NOW.strftime("%Y-%m-%d %H:%M:%SZ") in said
    assert SECRET not in said


def test_a_line_stays_short_when_there_are_many_users() -> None:
    commands = [json.loads(body(1))["commands"][0] for _ in range(128)]

    said = line(letter_of(json.dumps({"commands": commands}).encode()))

    assert said.count("\n") == 0
    assert "and 125 more" in said
    assert len(said) < 300


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b"9" * 10_000, b'"\\ud800"', b"", b"NaN", b"\x1b[2J"])
def test_whatever_the_body_is_it_can_be_shown(content: bytes) -> None:
    said = whole(letter_of(content, headers={"x-reason": "\x1b[2J"}), OF_A_DAY)

    assert said.encode().isascii()
    assert printable(said) == said
    assert "cannot be read" in said


@pytest.mark.parametrize("deadline", [0, LAST_DEADLINE_UNIX_MS])
def test_a_deadline_of_any_size_is_no_obstacle(deadline: int) -> None:
    dead_letter = letter_of(body(deadline), timestamp=NOW)

    assert "replay    " in whole(dead_letter, OF_A_DAY)
    assert len(replay_messages(dead_letter, OF_A_DAY, force=True)) == 1


@pytest.mark.parametrize("deadline", [-(10**30), 10**30, 10**400])
def test_a_deadline_that_is_no_time_can_be_shown(deadline: int) -> None:
    dead_letter = letter_of(body(deadline), timestamp=NOW)

    said = whole(dead_letter, OF_A_DAY)

    assert "impossible: the body cannot be read" in said
    assert str(deadline) in said


def test_nothing_of_a_text_can_steer_a_terminal() -> None:
    assert printable("a\x1b[31mb\x9bc\r\u202e\ud800\né") == "a\\x1b[31mb\\x9bc\\r\\u202e\\ud800\né"


def test_a_replay_keeps_the_commands_and_renews_their_deadlines() -> None:
    deadline = unix_ms(hours=1)
    content = body(deadline, deadline, title=SECRET)
    dead_letter = letter_of(content, correlation_id="c", reply_to="gateway")

    messages = replay_messages(dead_letter, OF_A_DAY)

    sent = [CommandBatch.model_validate_json(message.body).commands for message in messages]
    renewed = dead_letter.commands[0].deadline_unix_ms + int((DAY_S - 60) * 1000)
    assert sent == [[command.model_copy(update={"deadline_unix_ms": renewed})] for command in dead_letter.commands]
    assert {(message.reply_to, message.correlation_id) for message in messages} == {(None, "c")}
    assert {message.headers[FIRST_DEADLINE_HEADER] for message in messages} == {
        dead_letter.commands[0].deadline_unix_ms
    }


@pytest.mark.parametrize(
    ("ago", "refused"),
    [({"hours": 23, "minutes": 57}, False), ({"hours": 23, "minutes": 59}, True), ({"days": 9}, True)],
)
def test_a_dead_letter_can_be_replayed_while_the_command_log_remembers(ago: dict[str, float], refused: bool) -> None:
    dead_letter = letter_of(body(unix_ms(), unix_ms(**ago)))

    if refused:
        with pytest.raises(NotPossible, match="too old"):
            replay_messages(dead_letter, OF_A_DAY)
    else:
        assert len(replay_messages(dead_letter, OF_A_DAY)) == 2
    assert len(replay_messages(dead_letter, OF_A_DAY, force=True)) == 2


@pytest.mark.parametrize(("cleaned_h_ago", "refused"), [(24, True), (29.9, True), (30.1, False)])
def test_a_longer_retention_brings_no_record_back(*, cleaned_h_ago: float, refused: bool) -> None:
    dead_letter = letter_of(body(unix_ms(hours=30)))
    memory = LogWindow(72 * 3600.0, forgotten_until=time.time() - cleaned_h_ago * 3600)

    if refused:
        with pytest.raises(NotPossible, match="too old"):
            replay_messages(dead_letter, memory)
        assert "unsafe since" in whole(dead_letter, memory)
    else:
        assert len(replay_messages(dead_letter, memory)) == 1
        assert "safe until" in whole(dead_letter, memory)
    assert len(replay_messages(dead_letter, memory, force=True)) == 1


def test_without_the_database_it_is_unknown_what_may_be_replayed() -> None:
    assert "replay    unknown: " in whole(letter_of(body(unix_ms())), None)


# A replay renews the deadline. What it was at first must not be forgotten: the record is as old as the first effect.
def test_a_replayed_command_that_comes_back_is_as_old_as_it_was() -> None:
    first = letter_of(body(unix_ms(hours=20)))
    (again,) = replay_messages(first, OF_A_DAY)

    back = letter_of(again.body, headers=dict(again.headers) | KILLED)

    assert safe_until(back, OF_A_DAY) == pytest.approx(safe_until(first, OF_A_DAY))


def test_poison_that_was_dead_lettered_again_is_as_old_as_that() -> None:
    dead_lettered_at = NOW - timedelta(hours=5)
    renewed = int((time.time() + DAY_S) * 1000)

    dead_letter = letter_of(body(renewed), timestamp=dead_lettered_at)

    assert safe_until(dead_letter, OF_A_DAY) == dead_lettered_at.timestamp() + DAY_S - 60


def test_what_cannot_be_read_cannot_be_replayed_by_force_either() -> None:
    with pytest.raises(NotPossible, match="no readable commands"):
        replay_messages(letter_of(b"{"), OF_A_DAY, force=True)


def test_the_ids_of_commands_stay_whatever_is_renewed() -> None:
    dead_letter = letter_of(body(unix_ms(), command_id=str(UUID(int=7)), keyed=True))

    (message,) = replay_messages(dead_letter, OF_A_DAY)

    (command,) = json.loads(message.body)["commands"]
    read = DEFAULTS | json.loads(dead_letter.body)["commands"][0]
    assert command == read | {"deadline_unix_ms": command["deadline_unix_ms"]}
