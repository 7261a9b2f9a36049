"""Redocly's linter passes the description, and clients that generators make of it do all operations, errors included.

In one module, because npm's packages are in one folder: two processes must not fetch them at once.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from .npm_packages import npm_folder, run

__all__ = ["npm_folder"]

SESSION = Path(__file__).with_name("session.py")
GENERATOR = Path(sys.executable).with_name("openapi-python-client")
SAW = {
    "statuses": [201, 200, 200, 200, 200, 200, 200, 204, 404],
    "listed": ["Buy milk"],
    "titles": ["Buy milk", "Buy bread", "Buy rye bread"],
    "completed": [True, False],
    "problem": "urn:taskwire:problem:task-not-found",
}


@pytest.fixture(scope="module")
def description(gateway_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the gateway serves."""
    file = tmp_path_factory.mktemp("description") / "openapi.json"
    file.write_bytes(httpx.get(f"{gateway_url}/openapi.json", trust_env=False).content)
    return file


def test_redocly_has_nothing_to_say(npm_folder: Path, repository: Path) -> None:
    description = repository / "docs" / "openapi.json"

    run(npm_folder, "redocly", "lint", description, "--extends", "recommended-strict")


def test_a_generated_python_client_works(description: Path, gateway_url: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("post_hooks: []\npackage_name_override: generated_client\n")
    client = tmp_path / "client"
    generate: list[str | Path] = [GENERATOR, "generate", "--path", description, "--output-path", client]

    said = subprocess.run([*generate, "--config", config], check=True, capture_output=True, text=True, timeout=60)
    saw = printed([sys.executable, SESSION, gateway_url, str(uuid4())], client)

    assert "Warning" not in said.stdout + said.stderr
    assert saw == SAW


@pytest.fixture(scope="module")
def typescript(description: Path, npm_folder: Path) -> Path:
    """The folder with the TypeScript example, compiled with types of the description."""
    types = npm_folder / "src" / "schema.d.ts"
    # By default it makes a member with a default one that must be sent.
    run(npm_folder, "openapi-typescript", description, "--output", types, "--default-non-nullable", "false")
    run(npm_folder, "tsc", "--project", ".")
    return npm_folder


def test_the_typescript_example_works(gateway_url: str, typescript: Path) -> None:
    saw = printed(["node", "out/example.js", gateway_url, str(uuid4())], typescript)

    successes = ("listed", "found", "replaced", "patched", "flipped", "opened", "batch", "changes")
    assert saw["statuses"] == dict.fromkeys(successes, 200) | {"created": 201, "lost": 412, "gone": 404}
    assert {name: saw[name] for name in ("listed", "titles", "completed")} == {
        name: SAW[name] for name in ("listed", "titles", "completed")
    }
    assert saw["batch"] == [201, 204]
    assert saw["problems"] == [f"urn:taskwire:problem:{name}" for name in ("precondition-failed", "task-not-found")]


def test_the_typescript_client_sends_a_write_again_as_it_was(typescript: Path) -> None:
    command = ["node", "--test", "out/client.test.js"]
    done = subprocess.run(command, cwd=typescript, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout
    assert "# pass 3" in done.stdout


def printed(command: list[str | Path], folder: Path) -> Any:
    """The JSON that the program prints."""
    environment = os.environ | {"PYTHONPATH": str(folder), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
