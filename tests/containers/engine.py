"""The Docker engine of this machine, if any, and the commands that the tests use."""

import gc
import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Mapping
from typing import Any

import docker
import pytest
from docker.errors import DockerException


def engine_answers() -> bool:
    """docker's client leaves its socket open when nobody listens: it is collected here, and warns nobody later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            docker.from_env(timeout=5).close()
        except DockerException:
            answers = False
        else:
            answers = True
        gc.collect()
    return answers


def missing_plugins() -> list[str]:
    """Of Compose v2 and BuildKit, which build and start the system, those that the docker command does not have."""
    return [name for name in ("compose", "buildx") if _fails("docker", name, "version")]


def _fails(*command: str) -> bool:
    return shutil.which(command[0]) is None or subprocess.run(command, capture_output=True, check=False).returncode != 0


needs_engine = pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers here")
MISSING = missing_plugins()
needs_plugins = pytest.mark.skipif(bool(MISSING), reason=f"docker has no {' and no '.join(MISSING)} here")


def run(*command: str, within_s: float = 60, environment: Mapping[str, str] | None = None) -> str:
    """What the command prints. Fails with all that it said when it ends with another status than 0."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def inspect(*names: str) -> list[dict[str, Any]]:
    """What the engine knows of these containers, images or networks."""
    found: list[dict[str, Any]] = json.loads(run("docker", "inspect", *names))
    return found


def require_image(image: str) -> None:
    """Skips the test where the image is not here and no registry has it."""
    for command in (("image", "inspect"), ("pull", "--quiet")):
        if subprocess.run(["docker", *command, image], capture_output=True, timeout=300, check=False).returncode == 0:
            return
    pytest.skip(f"the image {image} is not here and cannot be pulled")
