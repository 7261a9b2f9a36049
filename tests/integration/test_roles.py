"""A service on a role that the wall does not bind refuses to start, and says so."""

import asyncio
import sys
from pathlib import Path

import pytest
from local_stack.postgres import Postgres

PATIENCE_S = 15.0


@pytest.mark.parametrize(
    ("service", "variable"), [("task-reader", "READER_DATABASE_URL"), ("task-writer", "WRITER_DATABASE_URL")]
)
async def test_a_service_refuses_a_role_that_bypasses_row_level_security(
    postgres: Postgres, service: str, variable: str
) -> None:
    environment = {variable: postgres.superuser_url, "PORT": "0", "RABBITMQ_URL": "amqp://127.0.0.1:1/"}
    program = Path(sys.executable).with_name(service)

    process = await asyncio.create_subprocess_exec(program, env=environment, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE_S):
        _, said = await process.communicate()

    assert process.returncode == 1
    assert said.decode().splitlines()[-1].startswith("The database role postgres bypasses row-level security.")
