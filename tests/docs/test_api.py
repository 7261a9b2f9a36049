"""What docs/api.md says is so: its session happens as it is printed, and calls every endpoint of tasks."""

import re
import shlex
from pathlib import Path

from .pages import ROOT
from .sessions import assert_session_happens, session

PAGE = ROOT / "docs/api.md"


def test_the_session_of_the_api_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(PAGE, gateway_url, tmp_path)


def test_the_session_calls_every_endpoint_of_tasks() -> None:
    called = {call(step.command) for step in session(PAGE) if "curl" in step.command}

    assert called >= {
        ("GET", "$tasks"),
        ("POST", "$tasks"),
        ("GET", "$tasks/$id"),
        ("PUT", "$tasks/$id"),
        ("PATCH", "$tasks/$id"),
        ("DELETE", "$tasks/$id"),
        ("PATCH", "$tasks/$id/complete"),
    }


def call(command: str) -> tuple[str, str]:
    """The method and the address of a call of curl, the address as it stands there."""
    words = shlex.split(command)
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if "-d" in words else "GET"
    return method, next(word for word in words if re.match(r"\$\w+(/|$)", word) and word != "$code")
