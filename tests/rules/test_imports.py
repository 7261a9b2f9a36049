"""The checks of imports find what is planted."""

import pytest

from .imports import strange_libraries, wrong_directions
from .sources import Source

COMMON = "libs/common/src/common/contracts.py"
GATEWAY = "services/gateway/src/gateway/reads.py"
READER = "services/task-reader/src/task_reader/routes.py"
WRITER = "services/task-writer/src/task_writer/batches.py"
ENTRY = "services/task-writer/migrations/env.py"
REVISION = "services/task-writer/migrations/versions/0009_more.py"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (COMMON, "import gateway"),
        (COMMON, "from task_writer.tables import Task"),
        (COMMON, "from local_stack import state"),
        (GATEWAY, "import task_reader.queries"),
        (GATEWAY, "from task_writer import statements as s"),
        (GATEWAY, "def later():\n    from task_writer import tables"),
        (GATEWAY, "import importlib\nimportlib.import_module('task_writer')"),
        (GATEWAY, "__import__('task_writer')"),
        (READER, "from gateway.app import create_app"),
        (READER, "from tests.commands import create"),
        (WRITER, "import task_reader"),
        (WRITER, "import benchmarks.load"),
        (ENTRY, "from gateway.settings import GatewaySettings"),
        (REVISION, "from task_writer.tables import Task"),
        (REVISION, "from common.settings import load"),
    ],
)
def test_a_planted_direction_is_found(path: str, text: str) -> None:
    assert len(wrong_directions(Source(path, text))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (COMMON, "from common.settings import load\nimport json"),
        (GATEWAY, "from common import problems\nfrom gateway.bodies import TaskBody\nfrom . import reads"),
        (ENTRY, "from task_writer import tables\nfrom common.settings import load"),
        (REVISION, "import sqlalchemy as sa\nfrom alembic import op"),
    ],
)
def test_an_allowed_direction_passes(path: str, text: str) -> None:
    assert wrong_directions(Source(path, text)) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (GATEWAY, "import psycopg"),
        (GATEWAY, "from psycopg.errors import UniqueViolation"),
        (GATEWAY, "import sqlalchemy.orm as orm"),
        (GATEWAY, "from sqlmodel import SQLModel"),
        (GATEWAY, "from faststream.rabbit import RabbitQueue"),
        (GATEWAY, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from psycopg import Connection"),
        (READER, "from faststream.rabbit import RabbitBroker"),
        (READER, "import aio_pika"),
        (READER, "import sqlmodel"),
        (READER, "from alembic import op"),
    ],
)
def test_a_planted_library_is_found(path: str, text: str) -> None:
    assert len(strange_libraries(Source(path, text), [])) == 1


@pytest.mark.parametrize(
    "text",
    [
        "from common.postgres.database import Database",
        "from common.postgres import database",
        "import common.postgres.database",
    ],
)
def test_a_library_that_comes_in_through_a_module_of_ours_is_found(text: str) -> None:
    database = Source("libs/common/src/common/postgres/database.py", "from common import pools")
    pools = Source("libs/common/src/common/pools.py", "import psycopg")

    assert len(strange_libraries(Source(GATEWAY, text), [database, pools])) == 1


def test_a_library_in_a_module_that_is_not_imported_is_no_fault() -> None:
    database = Source("libs/common/src/common/postgres/database.py", "import psycopg")

    assert strange_libraries(Source(GATEWAY, "from common import problems"), [database]) == []
