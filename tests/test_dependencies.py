"""The lock installs no packages for a service that only another service needs."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.installing import PACKAGES, extras, install, installed

DATABASE = {"psycopg", "psycopg-binary", "psycopg-pool", "psycopg-c", "asyncpg"}
MIGRATIONS = {"sqlalchemy", "sqlmodel", "alembic"}
BROKER = {"faststream", "aio-pika", "aiormq", "pamqp"}
IDENTITY = {"pyjwt", "cryptography"}
HTTP_SERVER = {"fastapi", "starlette"}  # not uvicorn, which the admin port needs
HTTP_CLIENT = {"aiohttp"}
CLIENT = {"taskwire-client", "httpx", "typer", "rich", "icalendar"}
TRACING = {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "protobuf", "requests"}
SETTINGS = {  # of addresses where nobody is
    "gateway": {"PORT": "0", "READER_URL": "http://reader", "RABBITMQ_URL": "amqp://guest:guest@bus/"},
    "task-reader": {"PORT": "0", "READER_DATABASE_URL": "postgresql://reader@db/taskwire"},
    "task-writer": {
        "WRITER_DATABASE_URL": "postgresql://writer@db/taskwire",
        "RABBITMQ_URL": "amqp://guest:guest@bus/",
    },
}
MAIN = {"gateway": "gateway.app", "task-reader": "task_reader.app", "task-writer": "task_writer.cli"}
MODULES = {
    "gateway": "gateway.app, gateway.identity",
    "task-reader": "task_reader.app",
    "task-writer": "task_writer.app, task_writer.dead_letter_commands",
}


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sequence[str]]:
    """How to start a Python that has this service, without extras, and nothing else."""
    return {service: install(service, tmp_path_factory.mktemp(service)) for service in SETTINGS}


@pytest.mark.parametrize(
    ("service", "strange"),
    [
        ("gateway", DATABASE | MIGRATIONS),
        ("task-reader", BROKER | IDENTITY | HTTP_CLIENT | MIGRATIONS),
        ("task-writer", IDENTITY | HTTP_SERVER | HTTP_CLIENT),
    ],
)
def test_a_service_gets_no_means_for_the_work_of_another(service: str, strange: set[str]) -> None:
    assert installed(service, extras(service)) & strange == set()


@pytest.mark.parametrize("service", SETTINGS)
def test_no_service_brings_the_client(service: str) -> None:
    assert installed(service, extras(service)) & CLIENT == set()


@pytest.mark.parametrize("service", SETTINGS)
def test_tracing_and_migrations_are_extras(service: str) -> None:
    assert installed(service) & (TRACING | MIGRATIONS) == set()
    assert installed(service, ["otlp"]) & (TRACING | MIGRATIONS) == TRACING
    assert extras(service) == ({"otlp", "migrate"} if service == "task-writer" else {"otlp"})


def test_only_what_migrates_gets_what_migrates() -> None:
    assert installed("task-writer", ["migrate"]) >= MIGRATIONS


@pytest.mark.parametrize(
    ("service", "own"),
    [
        ("gateway", {"aiohttp", "aio-pika", "pyjwt", "cryptography"}),
        ("task-reader", {"psycopg-binary", "fastapi"}),
        ("task-writer", {"psycopg-binary", "aio-pika"}),
    ],
)
def test_a_service_gets_what_it_works_with(service: str, own: set[str]) -> None:
    assert own <= installed(service)


@pytest.mark.parametrize("service", SETTINGS)
def test_without_extras_a_service_has_all_that_it_runs_on(pythons: Mapping[str, Sequence[str]], service: str) -> None:
    subprocess.run([*pythons[service], "-c", f"import {MODULES[service]}"], check=True, timeout=60)


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_that_cannot_trace_says_what_to_install(pythons: Mapping[str, Sequence[str]], service: str) -> None:
    said = refusal(pythons[service], MAIN[service], SETTINGS[service] | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://tempo"})

    assert said.splitlines()[:-1] == [
        "OTEL_EXPORTER_OTLP_ENDPOINT: tracing is not installed: "
        "install the service with its extra `otlp`, as gateway[otlp]"
    ]


def test_a_task_writer_that_cannot_migrate_says_what_to_install(pythons: Mapping[str, Sequence[str]]) -> None:
    variables = {"DATABASE_URL": "postgresql://owner@db/taskwire"}

    said = refusal(pythons["task-writer"], MAIN["task-writer"], variables, "migrate")

    assert said == "Migrations need Alembic and SQLModel: install task-writer[migrate], as the images do.\n"


def test_a_client_without_its_extra_works_and_says_what_its_command_needs(tmp_path: Path) -> None:
    python = install("taskwire-client", tmp_path)

    subprocess.run([*python, "-c", "import taskwire_client"], check=True, timeout=60)
    said = refusal(python, "taskwire_client.cli", {})

    assert said == "The command line needs typer: install taskwire-client[cli].\n"


def refusal(python: Sequence[str], module: str, variables: Mapping[str, str], *arguments: str) -> str:
    """What the service's command says on standard error before it fails."""
    env, cleared, *rest = python
    command = (env, cleared, *(f"{name}={value}" for name, value in variables.items()), *rest)
    start = f"from {module} import main; main()"
    done = subprocess.run([*command, "-c", start, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    return done.stderr


def test_every_package_is_locked_with_its_hashes() -> None:
    from_registries = [package for package in PACKAGES.values() if "registry" in package["source"]]

    assert len(from_registries) > 50
    for package in from_registries:
        files = [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]
        assert files, package["name"]
