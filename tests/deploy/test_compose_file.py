"""docker-compose.yml gives the services what their settings read, at the ports where the code listens."""

import re
from typing import Any

import pytest
import yaml
from common.settings import AdminSettings, ServiceSettings
from gateway.settings import GatewaySettings
from task_reader.settings import ReaderSettings
from task_writer.settings import MigrationSettings, WriterSettings

from .dockerfile import ROOT, copied, image_environment

SETTINGS: dict[str, type[ServiceSettings]] = {
    "gateway": GatewaySettings,
    "task-reader": ReaderSettings,
    "task-writer": WriterSettings,
    "migrate": MigrationSettings,
}
# What the image says, and what does not change in a container.
OF_THE_IMAGE = {"HOST", "PORT", *map(str.upper, set(AdminSettings.model_fields) - set(ServiceSettings.model_fields))}

OF_EACH_SERVICE = pytest.mark.parametrize("name", SETTINGS)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return loaded


@OF_EACH_SERVICE
def test_a_service_is_given_every_variable_that_it_reads_and_no_other(services: dict[str, Any], name: str) -> None:
    read = {field.upper() for field in SETTINGS[name].model_fields}

    assert set(services[name]["environment"]) == read - OF_THE_IMAGE


@OF_EACH_SERVICE
def test_what_an_operator_may_set_comes_from_the_operator(services: dict[str, Any], name: str) -> None:
    """Without a value here: a default would be written twice."""
    optional = {field.upper() for field, info in SETTINGS[name].model_fields.items() if not info.is_required()}
    given = {variable for variable, value in services[name]["environment"].items() if value is not None}

    assert {variable for variable in given & optional if "DATABASE_URL" not in variable} == set()


def test_every_password_has_to_be_set() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert set(re.findall(r"\$\{(\w+PASSWORD)(?!\w|:\?)", text)) == set()


def test_the_gateway_asks_the_reader_where_that_listens(services: dict[str, Any]) -> None:
    port = image_environment("task-reader")["PORT"]

    assert services["gateway"]["environment"]["READER_URL"] == f"http://task-reader:{port}"


def test_the_reader_of_the_primary_differs_in_its_database_alone(services: dict[str, Any]) -> None:
    one, other = (services[name] for name in ("task-reader", "primary-reader"))
    databases = [service["environment"]["READER_DATABASE_URL"] for service in (one, other)]

    assert other == one | {"profiles": ["replica"], "environment": other["environment"]}
    assert other["environment"] == one["environment"] | {"READER_DATABASE_URL": databases[1]}
    assert databases[0].replace("${READER_DATABASE_HOST:-postgres}", "postgres") == databases[1]


def test_the_published_port_is_the_one_where_the_gateway_listens(services: dict[str, Any]) -> None:
    (published,) = services["gateway"]["ports"]

    assert published.rpartition(":")[2] == image_environment("gateway")["PORT"]


def test_what_an_image_is_built_from_is_watched(services: dict[str, Any]) -> None:
    """`docker compose watch` builds a service anew when any of its source has changed, or what the lock says."""
    watched = {
        name: {one["path"] for one in service["develop"]["watch"]}
        for name, service in services.items()
        if "develop" in service
    }
    watched["task-writer"] |= watched.pop("migrate")

    for name in ("gateway", "task-reader", "task-writer"):
        folders = {source for source in copied(f"build-{name}") if (ROOT / source).is_dir()}
        assert watched[name] == folders | {"uv.lock"}


def test_what_tests_compile_beside_the_source_builds_nothing(services: dict[str, Any]) -> None:
    watched = [one for service in services.values() if "develop" in service for one in service["develop"]["watch"]]

    assert {one["path"] for one in watched if "ignore" not in one} == {"uv.lock"}
    assert [one["ignore"] for one in watched if one["path"] != "uv.lock" and one["ignore"] != ["**/__pycache__/"]] == []
