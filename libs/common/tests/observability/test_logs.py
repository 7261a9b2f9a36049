"""The lines that go to standard error."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from common.contracts.commands import CommandBatch
from common.observability.logs import SLOW_S, LogFormat, configure_logging, log_operation
from pydantic import ValidationError

FIELDS = {"request_id": "mine", "status": 201, "reason": None}


@pytest.fixture(autouse=True)
def root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def log_one(*, failed: bool = False, seconds: float = 0.01) -> None:
    log_operation("request", failed=failed, seconds=seconds, fields=lambda: FIELDS)


def test_a_line_for_machines_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", log_each=True)  # auto: this is no terminal

    log_one()

    (line,) = lines(capsys)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "operations",
        "message": "request",
        "request_id": "mine",
        "status": 201,
        "duration_ms": 10,
    }


def test_what_a_message_holds_cannot_begin_another_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")

    logging.getLogger("x").info("one\n%s", '{"level": "forged"}')

    (line,) = lines(capsys)
    assert line["message"] == 'one\n{"level": "forged"}'


def test_an_error_is_shown_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")

    logging.getLogger("x").error("it broke", exc_info=ConnectionError("lost"))

    (line,) = lines(capsys)
    assert "ConnectionError: lost" in line["error"]


def test_a_line_for_people_shows_the_fields_behind_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", style="text", log_each=True)

    log_one()

    assert capsys.readouterr().err.endswith("operations: request request_id=mine status=201 duration_ms=10.0\n")


@pytest.mark.parametrize(("style", "coloured"), [("auto", True), ("text", True), ("json", False)])
def test_a_terminal_gets_colours(
    style: LogFormat, coloured: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure_logging("info", style=style)

    logging.getLogger("x").warning("careful")

    assert ("\x1b[33m" in capsys.readouterr().err) is coloured


@pytest.mark.parametrize(
    ("log_each", "failed", "seconds", "levels"),
    [
        (False, False, 0.01, []),
        (True, False, 0.01, ["info"]),
        (False, True, 0.01, ["warning"]),
        (False, False, SLOW_S * 2, ["warning"]),
        (True, True, SLOW_S * 2, ["warning"]),
    ],
)
def test_an_operation_is_logged_once_if_it_failed_was_slow_or_all_are(
    log_each: bool, failed: bool, seconds: float, levels: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", log_each=log_each)

    log_one(failed=failed, seconds=seconds)

    assert [line["level"] for line in lines(capsys)] == levels


def test_a_message_that_cannot_be_read_does_not_show_its_texts_in_the_error() -> None:
    body = json.dumps({"commands": [{"type": "create_task", "title": "s3cret title"}]})

    with pytest.raises(ValidationError) as raised:
        CommandBatch.model_validate_json(body)

    assert "s3cret" not in str(raised.value)
