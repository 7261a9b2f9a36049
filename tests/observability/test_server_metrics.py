"""What the rules and dashboards ask of RabbitMQ and PostgreSQL are metrics of their exporters."""

import re
from collections.abc import Iterator

import httpx
import pytest
from local_stack.waiting import until
from testcontainers.core.container import DockerContainer

from tests.containers.engine import needs_engine, require_image
from tests.deploy.manifests import needs_kustomize
from tests.deploy.test_scaling import the

from .test_alerts import alerts, queries

PROMETHEUS_PORT = 15692
IMAGE = "rabbitmq:4-management"

# CloudNativePG's default queries (its default-monitoring ConfigMap) and collector, and its Barman Cloud plugin's.
OF_POSTGRESQL = {
    *("cnpg_backends_" + name for name in ("total", "max_tx_duration_seconds", "waiting_total")),
    *("cnpg_collector_" + name for name in ("up", "sync_replicas", "pg_wal", "pg_wal_archive_status")),
    *("cnpg_pg_database_" + name for name in ("size_bytes", "xid_age")),
    *("cnpg_pg_replication_" + name for name in ("lag", "streaming_replicas")),
    *("cnpg_pg_stat_archiver_" + name for name in ("failed_count", "last_failed_time", "last_archived_time")),
    *("cnpg_pg_stat_checkpointer_" + name for name in ("checkpoints_timed", "checkpoints_req")),
    *("cnpg_pg_stat_database_" + name for name in ("xact_commit", "xact_rollback", "blks_hit", "blks_read")),
    *("cnpg_pg_stat_database_" + name for name in ("deadlocks", "temp_files")),
    "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp",
}


def asked_for(prefix: str) -> set[str]:
    return {name for query in queries() for name in re.findall(rf"\b{prefix}_[a-z_]+", query)}


def test_postgresqls_metrics_are_those_of_cloudnativepg() -> None:
    assert asked_for("cnpg") | asked_for("barman_cloud") == OF_POSTGRESQL


@pytest.fixture
def rabbitmqs_metrics() -> Iterator[str]:
    """The address of the metrics of a RabbitMQ in a container, as compose starts it."""
    require_image(IMAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
        patch.setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
        with DockerContainer(IMAGE).with_exposed_ports(PROMETHEUS_PORT) as container:
            yield f"http://127.0.0.1:{container.get_exposed_port(PROMETHEUS_PORT)}/metrics"


@needs_engine
async def test_rabbitmqs_metrics_are_those_of_its_plugin(rabbitmqs_metrics: str) -> None:
    shown = set[str]()

    async def are_shown() -> bool:
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                answer = await client.get(rabbitmqs_metrics)
        except httpx.TransportError:
            return False
        shown.update(re.findall(r"^# TYPE (rabbitmq_[a-z_]+)", answer.text, re.MULTILINE))
        return "rabbitmq_alarms_memory_used_watermark" in shown

    await until(are_shown, within_s=60)

    assert asked_for("rabbitmq")
    assert asked_for("rabbitmq") - shown == set()


@needs_kustomize
def test_a_replica_is_missed_when_there_are_fewer_than_the_cluster_has() -> None:
    (rule,) = [alert for alert in alerts() if alert["alert"] == "PostgresReplicaMissing"]

    assert rule["expr"].endswith(f"< {the('Cluster', 'postgres')['spec']['instances'] - 1}")
