"""deploy/compose/cluster.yml fits the code: its variables are settings, and its addresses name every member."""

import re
from typing import Any

import pytest
import yaml

from .dockerfile import ROOT
from .test_compose_file import SETTINGS

TEXT = (ROOT / "deploy" / "compose" / "cluster.yml").read_text()


class Loader(yaml.SafeLoader):
    """Reads what compose's own tags stand before, `!reset` and `!override`."""


def read_tagged(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else None


Loader.add_multi_constructor("!", read_tagged)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(TEXT, Loader)["services"]  # noqa: S506 - a SafeLoader
    return loaded


@pytest.mark.parametrize("name", SETTINGS)
def test_a_service_is_given_only_variables_that_it_reads(services: dict[str, Any], name: str) -> None:
    assert set(services[name]["environment"]) <= {field.upper() for field in SETTINGS[name].model_fields}


def test_every_password_has_to_be_set() -> None:
    assert set(re.findall(r"\$\{(\w+(?:PASSWORD|COOKIE))(?!\w|:\?)", TEXT)) == set()


def test_every_service_reaches_the_primary_wherever_it_is(services: dict[str, Any]) -> None:
    members = {name for name in services if name.startswith("postgres-")}
    addresses = [
        value
        for service in services.values()
        for variable, value in ((service or {}).get("environment") or {}).items()
        if variable.endswith("DATABASE_URL")
    ]

    assert len(addresses) == 6
    for address in addresses:
        hosts, _, query = address.rpartition("@")[2].partition("/taskwire?")
        assert set(hosts.split(",")) == members
        assert query.replace("${READER_TARGET:-read-write}", "read-write") == "target_session_attrs=read-write"


def test_the_reader_of_the_primary_stays_there_wherever_the_others_read(services: dict[str, Any]) -> None:
    one, other = (services[name]["environment"] for name in ("task-reader", "primary-reader"))

    assert one["READER_DATABASE_URL"].endswith("?target_session_attrs=${READER_TARGET:-read-write}")
    assert other == one | {"READER_DATABASE_URL": services["migrate"]["environment"]["READER_DATABASE_URL"]}


def test_the_gateways_and_task_writers_list_both_proxies(services: dict[str, Any]) -> None:
    """So that what is in flight when one of them, or the node behind it, goes away is sent again."""
    addresses = {name: services[name]["environment"]["RABBITMQ_URL"] for name in ("gateway", "task-writer")}

    hosts = {name: re.findall(r"@([a-z0-9-]+):5672/(?:,|$)", address) for name, address in addresses.items()}
    assert hosts == {name: ["proxy-1", "proxy-2"] for name in addresses}


def test_every_service_is_there_twice_and_every_server_three_times(services: dict[str, Any]) -> None:
    twice = {name for name, service in services.items() if service and service.get("deploy") == {"replicas": 2}}
    numbered = [name.rpartition("-")[0] for name in services if name[-1].isdigit()]

    assert twice == {"gateway", "task-reader", "primary-reader", "task-writer"}
    assert {name: numbered.count(name) for name in numbered} == {"etcd": 3, "postgres": 3, "rabbitmq": 3, "proxy": 2}
