"""The sessions in the documents: commands for a shell, and what they print."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from .pages import fences

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?\+00:00")
TAG = re.compile(r"\b1-\d{16}\b")
REVISION = re.compile(r"\b1[0-9]{15}\b")  # microseconds of this century
MARK = "end of the answer"
HEARTBEAT = re.compile(r"^:\n\n", re.MULTILINE)  # each stream has its first one at a random moment


@dataclass(frozen=True)
class Step:
    """A command of the session and what it prints."""

    command: str
    answer: str


def session(page: Path) -> list[Step]:
    """The page's one session, as it is printed there."""
    (block,) = fences(page.read_text(), "console")
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [Step(*step.partition("\n")[::2]) for step in steps]


def run(steps: list[Step], directory: Path) -> list[Step]:
    """The same commands, with what they print when one shell runs them all in this directory."""
    script = "".join(f"{step.command}\necho '{MARK}'\n" for step in steps)
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*"}
    shell = subprocess.run(
        ["sh", "-eu", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
        cwd=directory,
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


def without_heartbeats(steps: list[Step]) -> list[Step]:
    """The steps without the comments that an event stream has whenever its turn for one comes."""
    return [Step(step.command, HEARTBEAT.sub("", step.answer)) for step in steps]


def numbered(steps: list[Step]) -> list[Step]:
    """The steps with each id, time, entity tag and revision as its number in order of appearance, so that two runs can
    be compared."""
    text = as_text(steps)
    for kind, pattern in (("uuid", UUID), ("time", TIME), ("tag", TAG), ("revision", REVISION)):
        for number, found in enumerate(dict.fromkeys(pattern.findall(text)), start=1):
            text = text.replace(found, f"<{kind} {number}>")
    return from_text(text)


def as_text(steps: list[Step]) -> str:
    return json.dumps([[step.command, step.answer] for step in steps])


def from_text(text: str) -> list[Step]:
    return [Step(command, answer) for command, answer in json.loads(text)]


def assert_session_happens(page: Path, gateway_url: str, directory: Path) -> None:
    """Fails unless the page's session prints at this gateway what it says, ids, times and heartbeats aside."""
    steps = with_fresh_users(session(page))
    here = [Step(step.command.replace("http://127.0.0.1:8000", gateway_url), step.answer) for step in steps]

    happened = without_heartbeats(run(here, directory))

    assert numbered(happened) == numbered(here)
