"""The README of the Python client: its examples and its session print what it says, and it names every exception."""

import inspect
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import taskwire_client

from .pages import ROOT, fences
from .sessions import UUID, Step, run, session, with_fresh_users

README = ROOT / "clients/python/README.md"
PAGE = README.read_text()
SHORT_ID = re.compile(r"\b[0-9a-f]{8}\b")
MINUTE = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b")
EXAMPLES = list(zip(fences(PAGE, "python"), fences(PAGE, "text"), strict=True))


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(number: int, gateway_url: str) -> None:
    before = [EXAMPLES[0][0].partition("\n")[0]] if number else []  # its import
    code = "\n".join([*before, UUID.sub(str(uuid4()), EXAMPLES[number][0])]).replace(
        "http://127.0.0.1:8000", gateway_url
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env={"NO_PROXY": "*"}, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.stderr, done.stdout) == ("", EXAMPLES[number][1])


def test_the_session_of_the_command_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    steps = with_fresh_users(session(README))
    here = [Step(step.command.replace("http://127.0.0.1:8000", gateway_url), step.answer) for step in steps]

    happened = run([Step("exec 2>&1", ""), *here], tmp_path)

    assert comparable(happened) == comparable(here)


def comparable(steps: list[Step]) -> str:
    """What is printed, without times, with short ids by their number, without spaces at the ends of lines."""
    text = "\n".join(line.rstrip() for step in steps for line in step.answer.splitlines())
    text = MINUTE.sub("<time>", text)  # unnumbered: another minute may begin between two tasks
    for number, found in enumerate(dict.fromkeys(SHORT_ID.findall(text)), start=1):
        text = text.replace(found, f"<id {number}>")
    return text


def test_it_names_every_exception() -> None:
    errors = {
        name
        for name, value in vars(taskwire_client).items()
        if inspect.isclass(value) and issubclass(value, taskwire_client.TaskwireError)
    }

    assert {name for name in errors - {"Conflict"} if f"`{name}`" not in PAGE} == set()
