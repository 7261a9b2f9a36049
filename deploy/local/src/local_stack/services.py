"""The three services, as processes of the same virtual environment, and the migrations that precede them."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from local_stack.addresses import Addresses
from local_stack.commands import run_to_end
from local_stack.probes import http_status, json_answer
from local_stack.settings import StackSettings, service_environment
from local_stack.state import State
from local_stack.supervision import Program
from local_stack.waiting import Probe

_MIGRATED_WITHIN_S = 300.0
_OK, _NOT_FOUND = 200, 404
_WRONG_SETTINGS = 2  # the exit status of a service that was given wrong settings (common/settings.py)


async def migrate(state: State, addresses: Addresses) -> None:
    """Brings the schema up to date and gives writer and reader their roles; StackError with its output on failure."""
    environment = {
        **service_environment(),
        "DATABASE_URL": addresses.database_url,
        "WRITER_DATABASE_URL": addresses.writer_database_url,
        "READER_DATABASE_URL": addresses.reader_database_url,
    }
    command = (_executable("task-writer"), "migrate")
    await run_to_end(command, environment=environment, directory=state.path, within_s=_MIGRATED_WITHIN_S)


def service_programs(settings: StackSettings, addresses: Addresses) -> dict[str, Program]:
    """The services by name, in the order in which they start. None of them gets the owner's address."""
    variables = {
        "task-reader": {
            "READER_DATABASE_URL": addresses.reader_database_url,
            "HOST": "127.0.0.1",
            "PORT": _port(addresses.reader_url),
            "ADMIN_PORT": _port(addresses.task_reader_admin_url),
        },
        "task-writer": {
            "WRITER_DATABASE_URL": addresses.writer_database_url,
            "RABBITMQ_URL": addresses.writer_rabbitmq_url,
            "ADMIN_PORT": _port(addresses.task_writer_admin_url),
        },
        "gateway": {
            "READER_URL": addresses.reader_url,
            "RABBITMQ_URL": addresses.gateway_rabbitmq_url,
            "HOST": settings.host,
            "PORT": str(settings.gateway_port),
            "ADMIN_PORT": _port(addresses.gateway_admin_url),
        },
    }
    return {
        name: Program(
            name=name,
            arguments=(_executable(name),),
            environment={**service_environment(), **own},
            final_status=_WRONG_SETTINGS,
        )
        for name, own in variables.items()
    }


def service_probes(addresses: Addresses) -> dict[str, Probe]:
    """Whether each service works, as its own /readyz says: the system begins without a request in its metrics.

    The gateway is asked last: it looks for a task-reader that was missing only every five seconds.
    """
    reader, writer = addresses.task_reader_admin_url, addresses.task_writer_admin_url
    asked = {"task-reader": [reader], "task-writer": [writer], "gateway": [reader, writer, addresses.gateway_admin_url]}
    return {name: partial(all_work, admin_urls) for name, admin_urls in asked.items()}


async def all_work(admin_urls: Sequence[str]) -> bool:
    """Whether all services at these admin ports say that they are ready, and that all they need is up."""
    for url in admin_urls:
        said = await json_answer(f"{url}/readyz")
        if not (said and said["ready"] and set(said["components"].values()) == {"up"}):
            return False
    return True


async def says_ready(admin_url: str) -> bool:
    """Whether the service's /readyz says that it is ready."""
    return await http_status("GET", f"{admin_url}/readyz") == _OK


async def reads_through(url: str) -> bool:
    """Whether the list of a user without tasks can be read here, at the gateway or at the reader."""
    return await http_status("GET", f"{url}/api/{uuid4()}/tasks") == _OK


async def writes_through(gateway_url: str) -> bool:
    """Whether a write passes gateway, bus, writer and database and back: deleting a task that is not there."""
    return await http_status("DELETE", f"{gateway_url}/api/{uuid4()}/tasks/{uuid4()}") == _NOT_FOUND


def _port(url: str) -> str:
    return str(urlsplit(url).port)


def _executable(name: str) -> str:
    return str(Path(sys.executable).parent / name)
