"""The limits of memory are above what clients can make a service hold, and PostgreSQL's settings fit its own."""

import re
from typing import Any

import pytest
import yaml
from gateway.settings import GatewaySettings
from pydantic import HttpUrl, SecretStr
from task_reader.settings import ReaderSettings

from .dockerfile import ROOT
from .manifests import OVERLAYS, container, name_of, needs_kustomize, of_kind, rendered
from .memory import gateway_bytes, reader_bytes
from .quantities import quantity
from .test_scaling import most, the

GATEWAY = GatewaySettings(port=0, reader_url=HttpUrl("http://unused"), rabbitmq_url=SecretStr("amqp://unused"))
READER = ReaderSettings(port=0, reader_database_url=SecretStr("postgresql://unused"))

OF_EACH_OVERLAY = pytest.mark.parametrize("overlay", [f"overlays/{name}" for name in OVERLAYS])


def needed() -> dict[str, int]:
    reads = GATEWAY.reads_max_in_flight
    return {"gateway": gateway_bytes(GATEWAY), "task-reader": reader_bytes(READER, most("gateway") + 1, reads)}


@needs_kustomize
@OF_EACH_OVERLAY
@pytest.mark.parametrize("service", ["gateway", "task-reader"])
def test_no_client_can_make_kubernetes_kill_a_service(overlay: str, service: str) -> None:
    (workload,) = [one for one in of_kind(rendered(overlay), "Deployment") if name_of(one) == service]

    assert quantity(container(workload)["resources"]["limits"]["memory"]) >= needed()[service]


@needs_kustomize
@pytest.mark.parametrize("service", ["gateway", "task-reader"])
def test_nor_docker(service: str) -> None:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    assert quantity(re.sub("m$", "Mi", services[service]["mem_limit"])) >= needed()[service]


@needs_kustomize
def test_postgresqls_settings_fit_its_memory_and_its_wal_volume() -> None:
    spec = the("Cluster", "postgres")["spec"]
    parameters, memory = spec["postgresql"]["parameters"], quantity(spec["resources"]["limits"]["memory"])

    shared, cache = quantity(parameters["shared_buffers"]), quantity(parameters["effective_cache_size"])
    wal = quantity(parameters["max_wal_size"]) + quantity(parameters["max_slot_wal_keep_size"])

    assert spec["resources"]["requests"]["memory"] == spec["resources"]["limits"]["memory"]
    assert shared == memory / 4
    assert shared < cache <= memory * 3 / 4
    assert wal < quantity(spec["walStorage"]["size"])
