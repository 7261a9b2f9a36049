"""What the README says is so: its session happens as it is printed, and its tables are the settings."""

import re
import shlex
from pathlib import Path

import pytest

from .described import SETTINGS, cells
from .pages import README, ROOT, table
from .sessions import assert_session_happens, session


def test_the_session_of_the_readme_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(README, gateway_url, tmp_path)


def test_the_session_calls_every_endpoint_of_tasks() -> None:
    called = {call(step.command) for step in session(README) if "curl" in step.command}

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


@pytest.mark.parametrize("heading", SETTINGS)
def test_the_configuration_tables_are_the_settings(heading: str) -> None:
    fields = SETTINGS[heading].model_fields.items()

    described = table(README.read_text(), heading)

    assert sorted(described) == sorted(cells(name, field) for name, field in fields)


def test_every_program_with_settings_has_a_table() -> None:
    files = [*ROOT.glob("services/*/src/*/settings.py"), *ROOT.glob("deploy/*/src/*/settings.py")]
    modules = {path.parent.name for path in files}

    assert {settings.__module__.partition(".")[0] for settings in SETTINGS.values()} == modules
