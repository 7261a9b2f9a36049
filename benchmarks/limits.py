"""Two limits: a route that does nothing, and the SQL of product and tuned opponent without any service in front."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from common.contracts.commands import LAST_DEADLINE_UNIX_MS
from local_stack.postgres import find_programs
from local_stack.settings import server_environment
from local_stack.stack import Stack
from task_reader import queries
from task_writer import statements

from benchmarks.dataset import LARGE, SMALL, WRITING, Group
from benchmarks.load import LoadFailed, Pressure, drive
from benchmarks.opponents import tuned_sql
from benchmarks.systems import database_url, own_postgres, running_app

CLIENTS = 8
SCRIPTS = 100  # pgbench takes 128 at most; each has the ids of its own user
FRESH = UUID(int=0)  # stands where pgbench shall make a new id
# With new ids in them the commands are an expression of type text; and each batch locks a number of its own.
ONE_COMMAND = statements.RUN_COMMANDS.replace("%(commands)s", "(%(commands)s)::json").replace(
    "%(batch)s", "hashtextextended(gen_random_uuid()::text, 0)"
)


async def bare_routes(stack: Stack, directory: Path, seconds: int) -> dict[str, float]:
    """Requests per second of a FastAPI route that returns two bytes, with one worker and with two."""
    requests = directory / "bare.txt"
    requests.write_text("GET /ok\n")
    rates: dict[str, float] = {}
    for workers in (1, 2):
        async with running_app(stack.state, "bare", workers=workers, environment={}) as (url, _):
            load = await drive(url, requests, Pressure(32, seconds))
        rates[f"FastAPI route of 2 bytes, {workers} worker{'s' if workers > 1 else ''}"] = load.requests_per_s
    return rates


async def sql_alone(stack: Stack, directory: Path, seconds: int) -> dict[str, float]:
    """Transactions per second of pgbench, 8 connections: the product's strings, and T's statements, prepared."""
    owner_url = database_url(own_postgres(stack).owner_url, "tuned")
    reader_url, writer_url = stack.addresses.reader_database_url, stack.addresses.writer_database_url
    work = (
        ("GET one task", SMALL, (reader_url, f"select {queries.READ_TASK}"), (owner_url, tuned_sql.FIND_TASK)),
        ("GET list of 20", SMALL, (reader_url, f"select {queries.READ_TASKS}"), (owner_url, tuned_sql.LIST_TASKS)),
        ("GET list of 1,000", LARGE, (reader_url, f"select {queries.READ_TASKS}"), (owner_url, tuned_sql.LIST_TASKS)),
        ("POST", WRITING, (writer_url, ONE_COMMAND), (owner_url, tuned_sql.CREATE_TASK)),
    )
    rates: dict[str, float] = {}
    for name, group, ours, theirs in work:
        for mode, label, (url, sql) in (
            ("simple", "the product's SQL", ours),
            ("prepared", "T's SQL, prepared", theirs),
        ):
            scripts = await write_scripts(directory, url, sql, group)
            rates[f"{name}: {label}"] = await pgbench(url, mode, scripts, seconds)
    return rates


async def write_scripts(directory: Path, url: str, sql: str, group: Group) -> list[Path]:
    """The statement with the ids of many users, as psycopg writes it, several statements joined into one string."""
    paths = []
    async with await psycopg.AsyncConnection.connect(url, cursor_factory=psycopg.AsyncClientCursor) as connection:
        cursor = psycopg.AsyncClientCursor(connection)
        for number, values in enumerate(_values(group)):
            text = cursor.mogrify(sql.encode(), values).strip().removesuffix(";")
            text = text.replace(f"'{FRESH}'", "gen_random_uuid()").replace(str(FRESH), "'||gen_random_uuid()||E'")
            text = text.replace(";", r"\;")
            paths.append(directory / f"pgbench-{number}.sql")
            paths[-1].write_text(f"{text};\n")
    return paths


def _values(group: Group) -> Iterator[Mapping[str, Any]]:
    """A value for every placeholder that any of the statements has, as text, as the services send ids."""
    body = {"title": "Buy milk", "description": "Two litres of the fresh one", "is_completed": False}
    for number in range(SCRIPTS):
        task_id = FRESH if group.tasks_each == 0 else group.task_id(number)
        ids = {"user_id": str(group.user_id(number)), "task_id": str(task_id), "command_id": str(FRESH)}
        command = {"type": "create_task", **ids, **body, "fingerprint": rf"\x{bytes(16).hex()}"}
        command["deadline_unix_ms"] = LAST_DEADLINE_UNIX_MS
        given = {"commands": json.dumps([command]), "keys": None, "look_up": False, "known_revision": None}
        yield {**ids, **body, **given}


async def pgbench(url: str, mode: str, scripts: list[Path], seconds: int) -> float:
    """Transactions per second, without the time of connecting. LoadFailed when it fails."""
    program = find_programs() / "pgbench"
    if not program.exists():
        raise LoadFailed("this PostgreSQL comes without pgbench")
    parts = urlsplit(url)
    arguments = ("-n", "-M", mode, "-c", str(CLIENTS), "-j", "1", "-T", str(seconds))
    process = await asyncio.create_subprocess_exec(
        str(program),
        *arguments,
        *(argument for path in scripts for argument in ("-f", str(path))),
        *("-h", str(parts.hostname), "-p", str(parts.port), "-U", str(parts.username), parts.path.lstrip("/")),
        env={**server_environment(), "PGPASSWORD": str(parts.password)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    found = re.search(rb"^tps = ([0-9.]+)", output, re.MULTILINE)
    if process.returncode != 0 or found is None:
        raise LoadFailed(f"pgbench failed: {output.decode()[-500:]}")
    return float(found[1])
