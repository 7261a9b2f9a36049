import stat
import subprocess

import pytest
from local_stack.addresses import Addresses, find_addresses, write_environment_file
from local_stack.settings import StackSettings
from local_stack.state import State

OWNER = "postgresql://owner:pass@db.example:5433/tasks?sslmode=require"
BROKER = "amqp://someone:pass@mq.example/"


def addresses_of(state: State, **given: str) -> Addresses:
    settings = StackSettings.model_validate({"database_url": OWNER, "rabbitmq_url": BROKER, **given})
    return find_addresses(settings, state, database_url=OWNER, rabbitmq_url=BROKER, rabbitmq_users={})


def test_writer_and_reader_get_roles_of_their_own_in_a_foreign_database(state: State) -> None:
    addresses = addresses_of(state)

    assert addresses.database_url == OWNER
    assert addresses.writer_database_url.startswith("postgresql://taskwire_writer:")
    assert addresses.reader_database_url.startswith("postgresql://taskwire_reader:")
    assert addresses.reader_database_url.endswith("@db.example:5433/tasks?sslmode=require")
    assert addresses_of(state) == addresses


def test_addresses_that_are_given_are_used_as_they_are(state: State) -> None:
    reader = "postgresql://reader:other@replica.example/tasks"

    addresses = addresses_of(state, reader_database_url=reader)

    assert addresses.reader_database_url == reader
    assert addresses.rabbitmq_url == BROKER


def test_services_without_users_of_their_own_share_the_address_of_the_bus(state: State) -> None:
    addresses = addresses_of(state)

    assert {addresses.gateway_rabbitmq_url, addresses.writer_rabbitmq_url, addresses.operator_rabbitmq_url} == {BROKER}


def test_each_service_gets_the_address_of_its_own_user(state: State) -> None:
    users = {"gateway": "amqp://g@mq/", "task-writer": "amqp://w@mq/", "operator": "amqp://o@mq/"}

    addresses = find_addresses(StackSettings(), state, database_url=OWNER, rabbitmq_url=BROKER, rabbitmq_users=users)

    assert addresses.rabbitmq_url == BROKER
    assert addresses.gateway_rabbitmq_url == users["gateway"]
    assert addresses.writer_rabbitmq_url == users["task-writer"]
    assert addresses.operator_rabbitmq_url == users["operator"]


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:81"), ("0.0.0.0", "http://127.0.0.1:81"), ("::1", "http://[::1]:81")],  # noqa: S104
)
def test_the_gateways_address_can_be_called_from_here(state: State, host: str, url: str) -> None:
    settings = StackSettings.model_validate({"host": host, "gateway_port": 81})

    addresses = find_addresses(settings, state, database_url=OWNER, rabbitmq_url=BROKER, rabbitmq_users={})

    assert addresses.gateway_url == url


def test_a_shell_can_source_the_environment_file(state: State) -> None:
    addresses = addresses_of(state, writer_database_url="postgresql://writer:it's $HOME@db.example/tasks")

    write_environment_file(state, addresses)

    script = 'set -eu; . "$0"; printf "%s\\n" "$DATABASE_URL" "$WRITER_DATABASE_URL" "$RABBITMQ_URL" "$READER_URL"'
    shell = subprocess.run(["sh", "-c", script, state.path / "env"], capture_output=True, text=True, check=True)
    assert shell.stdout.splitlines() == [
        OWNER,
        "postgresql://writer:it's $HOME@db.example/tasks",
        BROKER,
        addresses.reader_url,
    ]
    assert stat.S_IMODE((state.path / "env").stat().st_mode) == 0o600
