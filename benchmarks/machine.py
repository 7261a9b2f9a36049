"""Describes the machine and the versions of a measurement."""

import os
import platform
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg
from local_stack.stack import Stack

from benchmarks.interpreter import loop_ns
from benchmarks.systems import own_postgres

PACKAGES = (
    "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "psycopg", "psycopg-pool", "aiohttp",
    "faststream", "aio-pika", "sqlmodel", "sqlalchemy",
)  # fmt: skip
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")


class NotDurable(Exception):
    """PostgreSQL's commits are not durable, so its figures would be too good."""


async def describe(stack: Stack) -> dict[str, Any]:
    """Time, machine and versions of a measurement; NotDurable when PostgreSQL's commits are not durable."""
    return {
        "measured_at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": describe_machine(),
        "versions": await describe_versions(stack),
        "durability": await require_durability(stack),
    }


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory, system."""
    processor = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": str(os.process_cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
    }


async def describe_versions(stack: Stack) -> dict[str, str]:
    """Versions of the servers and of the main packages."""
    async with await psycopg.AsyncConnection.connect(own_postgres(stack).superuser_url) as connection:
        row = await (await connection.execute("show server_version")).fetchone()
    rabbitmq = re.search(r"Starting RabbitMQ (\S+) on Erlang (\S+)", stack.state.log_file("rabbitmq").read_text())
    return {
        "python": f"{sys.version.split()[0]} ({loop_ns():.0f} ns for a turn of plain Python)",
        "postgresql": str(row[0]) if row else "unknown",
        "rabbitmq": f"{rabbitmq[1]} (Erlang {rabbitmq[2]})" if rabbitmq else "unknown",
        **{package: version(package) for package in PACKAGES},
    }


async def require_durability(stack: Stack) -> dict[str, str]:
    """The settings that make a commit survive a power cut, as each role sees them; NotDurable when one is off."""
    found: dict[str, str] = {}
    for url in (stack.addresses.writer_database_url, stack.addresses.database_url):
        async with await psycopg.AsyncConnection.connect(url) as connection:
            for name in DURABILITY:
                row = await (await connection.execute("select current_setting(%s)", [name])).fetchone()
                found[name] = row[0] if row else "unknown"
                if found[name] != "on":
                    raise NotDurable(f"{name} is {found[name]}")
    return found
