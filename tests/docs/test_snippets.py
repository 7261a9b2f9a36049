"""No page has code that nothing tries: a test runs sessions and programs, and commands for a shell are checked."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from gateway.settings import GatewaySettings
from task_writer.cli import _parser

from .pages import PAGES, ROOT, fences

RUN = ("console", "python")
"""Languages of blocks that a test runs, and whose output it compares."""

DEAD_LETTERS = ROOT / "docs/dead-letters.md"  # what it prints takes broken servers: tests/integration does that
HERE = Path(__file__).parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SHELL = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, block in enumerate(fences(page.read_text(), "sh"))
]


def test_each_page_with_a_session_or_a_program_is_run_by_a_test() -> None:
    pages = {page for page in PAGES for language in RUN if fences(page.read_text(), language)}
    tests = "\n".join(file.read_text() for file in HERE.glob("test_*.py") if file != Path(__file__))

    def is_run(page: Path) -> bool:
        names = {"README.md": "README,", "clients/python/README.md": "session(README)"}
        return names.get(str(page.relative_to(ROOT)), page.name) in tests

    assert {page for page in pages if not is_run(page)} == {DEAD_LETTERS}


@pytest.mark.parametrize("block", fences(DEAD_LETTERS.read_text(), "console"))
def test_the_commands_for_dead_letters_are_those_of_the_program(block: str) -> None:
    commands = re.findall(r"^\$ uv run task-writer (.+)$", block, re.MULTILINE)

    assert commands
    for command in commands:
        assert _parser().parse_args(shlex.split(command)).action == "dead-letters"


@pytest.mark.parametrize("block", SHELL)
def test_a_shell_can_read_it(block: str) -> None:
    read = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True, timeout=10, check=False)

    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize("block", SHELL)
def test_what_it_names_of_docker_compose_is_there(block: str) -> None:
    scaled = set(re.findall(r"--scale ([\w-]+)=", block))
    profiles = set(re.findall(r"--profile ([\w-]+)", block))

    assert scaled <= COMPOSE["services"].keys()
    assert profiles <= {name for service in COMPOSE["services"].values() for name in service.get("profiles", ())}


def test_the_settings_for_tokens_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = fences((ROOT / "docs/access.md").read_text(), "sh")
    words = shlex.split(command)
    for name, _, value in (word.partition("=") for word in words[: words.index("make")]):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("READER_URL", "http://127.0.0.1:8001")
    monkeypatch.setenv("RABBITMQ_URL", "amqp://127.0.0.1")
    monkeypatch.setenv("PORT", "8000")

    settings = GatewaySettings()

    assert (settings.auth_mode, settings.auth_audience) == ("jwt", "taskwire")
