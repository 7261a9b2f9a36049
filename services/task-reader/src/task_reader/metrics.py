"""Prometheus metrics of the task-reader beside HTTP requests and the database."""

from prometheus_client import Counter, Gauge

from task_reader.list_cache import ListCache
from task_reader.replication import Replication

LIST_CACHE_READS = Counter(
    "taskwire_list_cache_reads",
    "Reads of whole lists, from memory (hit) or rendered by PostgreSQL (miss), without those that the client has",
    ["result"],
)
LIST_HITS = LIST_CACHE_READS.labels("hit")
LIST_MISSES = LIST_CACHE_READS.labels("miss")

LIST_CACHE_BYTES = Gauge("taskwire_list_cache_bytes", "Memory that the kept lists take")


def show_list_cache(cache: ListCache) -> None:
    """Binds the gauge to the cache, read at each scrape."""
    LIST_CACHE_BYTES.set_function(lambda: cache.bytes)


REPLICATION_LAG = Gauge(
    "taskwire_replication_lag_seconds",
    "How far the database that is read is behind its primary, for certain; 0 for a primary, NaN before the first look",
)


def show_replication(replication: Replication) -> None:
    """Binds the gauge to the last look, read at each scrape."""
    REPLICATION_LAG.set_function(lambda: replication.lag_s)
