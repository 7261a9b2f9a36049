"""deploy/rabbitmq/entrypoint.sh, which gives RabbitMQ's users their passwords in a container."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from local_stack.rabbitmq_users import SERVICE_USERS

PASSWORDS = {"GATEWAY_BUS_PASSWORD": "g-1", "TASK_WRITER_BUS_PASSWORD": "w~2", "OPERATOR_BUS_PASSWORD": "o_3.x"}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What the script needs of the official image: an entrypoint, and a user called rabbitmq."""
    for name in ("docker-entrypoint.sh", "chown"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*"\n')
        program.chmod(0o755)
    return tmp_path


def start(image: Path, repository: Path, passwords: dict[str, str]) -> subprocess.CompletedProcess[str]:
    folder = repository / "deploy" / "rabbitmq"
    environment = {
        "PATH": f"{image}:{os.environ['PATH']}",
        "DEFINITIONS_TEMPLATE": str(folder / "definitions.json"),
        "DEFINITIONS_FILE": str(image / "rendered.json"),
        **passwords,
    }
    script = str(folder / "entrypoint.sh")
    return subprocess.run([script], env=environment, capture_output=True, text=True, timeout=10, check=False)


def test_every_user_gets_its_password_and_the_server_starts(image: Path, repository: Path) -> None:
    started = start(image, repository, PASSWORDS)

    rendered = json.loads((image / "rendered.json").read_text())
    assert {user["name"]: user["password"] for user in rendered["users"]} == dict(
        zip(SERVICE_USERS, PASSWORDS.values(), strict=True)
    )
    assert started.stdout.endswith("docker-entrypoint.sh rabbitmq-server\n")


def test_nobody_else_can_read_the_passwords(image: Path, repository: Path) -> None:
    start(image, repository, PASSWORDS)

    assert stat.S_IMODE((image / "rendered.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("password", ["", "with/slash", 'with"quote', "with&ampersand", "two words", "line\nbreak"])
def test_a_password_that_does_not_fit_stops_the_start(image: Path, repository: Path, password: str) -> None:
    started = start(image, repository, {**PASSWORDS, "OPERATOR_BUS_PASSWORD": password})

    assert started.returncode == 2
    assert started.stderr.startswith("OPERATOR_BUS_PASSWORD ")
    assert "docker-entrypoint" not in started.stdout
    assert not (image / "rendered.json").exists()
