"""What the lock installs for each service: no means to do what is another one's work."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

LOCK = tomllib.loads((Path(__file__).parents[1] / "uv.lock").read_text())
PACKAGES: dict[str, dict[str, Any]] = {package["name"]: package for package in LOCK["package"]}
DATABASE = {"psycopg", "psycopg-binary", "psycopg-pool", "psycopg-c", "asyncpg", "sqlalchemy", "sqlmodel", "alembic"}
BROKER = {"faststream", "aio-pika", "aiormq", "pamqp"}
IDENTITY = {"pyjwt", "cryptography"}
HTTP_SERVER = {"fastapi", "starlette"}  # not uvicorn, which the admin port needs
HTTP_CLIENT = {"aiohttp"}


def installed(package: str) -> set[str]:
    """Every package that `uv sync --package` brings, without groups: all that an image has."""
    found: set[tuple[str, str]] = set()
    wanted = [(package, "")]
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        locked = PACKAGES[name]
        needed = locked["optional-dependencies"].get(extra, []) if extra else locked.get("dependencies", [])
        for dependency in needed:
            wanted += [(dependency["name"], some) for some in ("", *dependency.get("extra", ()))]
    return {name for name, _ in found}


@pytest.mark.parametrize(
    ("service", "strange"),
    [
        ("gateway", DATABASE),
        ("task-reader", BROKER | IDENTITY | HTTP_CLIENT | {"sqlalchemy", "sqlmodel", "alembic"}),
        ("task-writer", IDENTITY | HTTP_SERVER | HTTP_CLIENT),
    ],
)
def test_a_service_gets_no_means_for_the_work_of_another(service: str, strange: set[str]) -> None:
    assert installed(service) & strange == set()


@pytest.mark.parametrize(
    ("service", "own"),
    [
        ("gateway", {"aiohttp", "aio-pika", "pyjwt", "cryptography"}),
        ("task-reader", {"psycopg-binary", "fastapi"}),
        ("task-writer", {"psycopg-binary", "aio-pika", "alembic"}),
    ],
)
def test_a_service_gets_what_it_works_with(service: str, own: set[str]) -> None:
    assert own <= installed(service)


def test_every_package_is_locked_with_its_hashes() -> None:
    from_registries = [package for package in PACKAGES.values() if "registry" in package["source"]]

    assert len(from_registries) > 50
    for package in from_registries:
        files = [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]
        assert files, package["name"]
