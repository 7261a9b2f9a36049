"""What the README says is so: its session happens as it is printed, and its tables are the settings."""

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from uuid import uuid4

import pytest

from .described import SETTINGS, cells
from .pages import README, ROOT, fences, table

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?\+00:00")
MARK = "end of the answer"


@dataclass(frozen=True)
class Step:
    """A command of the session and what it prints."""

    command: str
    answer: str


def session() -> list[Step]:
    """The README's session, as it is printed there."""
    (block,) = fences(README.read_text(), "console")
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [Step(*step.partition("\n")[::2]) for step in steps]


def run(steps: list[Step]) -> list[Step]:
    """The same commands, with what they print when one shell runs them all."""
    script = "".join(f"{step.command}\necho '{MARK}'\n" for step in steps)
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*"}
    shell = subprocess.run(
        ["sh", "-eu", "-c", script], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert (shell.returncode, shell.stderr) == (0, "")
    answers = shell.stdout.split(f"{MARK}\n")[:-1]
    return [Step(step.command, answer) for step, answer in zip(steps, answers, strict=True)]


def with_fresh_users(steps: list[Step]) -> list[Step]:
    """The steps with every id that a command spells out replaced by a new one: nobody else works under it."""
    text = as_text(steps)
    for spelled_out in {found for step in steps for found in UUID.findall(step.command)}:
        text = text.replace(spelled_out, str(uuid4()))
    return from_text(text)


def numbered(steps: list[Step]) -> list[Step]:
    """The steps with each id and time as its number in order of appearance, so that two runs can be compared."""
    text = as_text(steps)
    for kind, pattern in (("uuid", UUID), ("time", TIME)):
        for number, found in enumerate(dict.fromkeys(pattern.findall(text)), start=1):
            text = text.replace(found, f"<{kind} {number}>")
    return from_text(text)


def as_text(steps: list[Step]) -> str:
    return json.dumps([[step.command, step.answer] for step in steps])


def from_text(text: str) -> list[Step]:
    return [Step(command, answer) for command, answer in json.loads(text)]


def test_the_session_of_the_readme_is_what_happens(gateway_url: str) -> None:
    steps = with_fresh_users(session())
    here = [Step(step.command.replace("http://127.0.0.1:8000", gateway_url), step.answer) for step in steps]

    happened = run(here)

    assert numbered(happened) == numbered(here)


def test_the_session_calls_all_six_endpoints() -> None:
    called = {call(step.command) for step in session() if "curl" in step.command}

    assert called >= {
        ("GET", "$tasks"),
        ("POST", "$tasks"),
        ("GET", "$tasks/$id"),
        ("PUT", "$tasks/$id"),
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
