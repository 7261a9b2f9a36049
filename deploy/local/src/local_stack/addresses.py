"""The stack's addresses, and the file from which a shell can load them."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from local_stack.database import role_url
from local_stack.settings import StackSettings
from local_stack.state import State, remembered_password, remembered_port, write_private


@dataclass(frozen=True)
class Addresses:
    """Where everything listens. The PostgreSQL and RabbitMQ addresses carry passwords."""

    database_url: str  # the owner's
    writer_database_url: str
    reader_database_url: str
    rabbitmq_url: str  # of a user who may do everything
    gateway_rabbitmq_url: str
    writer_rabbitmq_url: str
    operator_rabbitmq_url: str  # for `task-writer dead-letters`
    gateway_url: str
    reader_url: str
    gateway_admin_url: str
    task_reader_admin_url: str
    task_writer_admin_url: str


def find_addresses(
    settings: StackSettings, state: State, *, database_url: str, rabbitmq_url: str, rabbitmq_users: Mapping[str, str]
) -> Addresses:
    """The addresses of a stack on this database and this broker.

    `rabbitmq_users` has the broker's address for each service's own user; a service without one gets `rabbitmq_url`.

    Writer and reader get roles of their own in the same database, with passwords kept in the state directory, unless
    the settings name both a database and their addresses in it.
    """

    def address_of(role: str) -> str:
        return role_url(database_url, role, remembered_password(state, role))

    def admin_url(service: str, place: int) -> str:
        port = remembered_port(state, f"{service}-admin", preferred=settings.admin_port + place)
        return f"http://127.0.0.1:{port}"

    writer = settings.writer_database_url if settings.database_url else None
    reader = settings.reader_database_url if settings.database_url else None
    return Addresses(
        database_url=database_url,
        writer_database_url=writer.get_secret_value() if writer else address_of("taskwire_writer"),
        reader_database_url=reader.get_secret_value() if reader else address_of("taskwire_reader"),
        rabbitmq_url=rabbitmq_url,
        gateway_rabbitmq_url=rabbitmq_users.get("gateway", rabbitmq_url),
        writer_rabbitmq_url=rabbitmq_users.get("task-writer", rabbitmq_url),
        operator_rabbitmq_url=rabbitmq_users.get("operator", rabbitmq_url),
        gateway_url=f"http://{_reachable(settings.host)}:{settings.gateway_port}",
        reader_url=f"http://127.0.0.1:{remembered_port(state, 'task-reader')}",
        gateway_admin_url=admin_url("gateway", 0),
        task_reader_admin_url=admin_url("task-reader", 1),
        task_writer_admin_url=admin_url("task-writer", 2),
    )


def write_environment_file(state: State, addresses: Addresses) -> None:
    """Writes `env` into the state directory, readable by its owner alone: `. .stack/env` sets every address."""
    lines = [f"export {name.upper()}={shlex.quote(url)}\n" for name, url in vars(addresses).items()]
    write_private(state.path / "env", "".join(lines))


def _reachable(host: str) -> str:
    """The host to connect to, for a server that listens on this one, as written in a URL."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared with, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
