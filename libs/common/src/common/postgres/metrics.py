"""Prometheus metrics of a service's database access."""

from collections.abc import Callable, Mapping

from prometheus_client import Gauge, Histogram

BUCKETS_S = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2,
    5,
    8,
)  # the last are limits: the roles' statement timeout and DATABASE_TIMEOUT_S

DATABASE_SECONDS = Histogram(
    "taskwire_database_seconds",
    "Time on a database connection, for a batch of reads or the transaction of a batch of commands",
    buckets=BUCKETS_S,
)
DATABASE_CONNECTIONS = Gauge("taskwire_database_connections", "Connections in the pool, in use or idle", ["state"])
DATABASE_WAITING = Gauge("taskwire_database_waiting", "Batches waiting for a database connection")


def show_pool(stats: Callable[[], Mapping[str, int]]) -> None:
    """Binds the gauges to the pool's statistics, read at each scrape."""
    DATABASE_CONNECTIONS.labels("idle").set_function(lambda: stats().get("pool_available", 0))
    DATABASE_CONNECTIONS.labels("in_use").set_function(
        lambda: stats().get("pool_size", 0) - stats().get("pool_available", 0)
    )
    DATABASE_WAITING.set_function(lambda: stats().get("requests_waiting", 0))
