"""The metrics that the code has, and those that texts and configurations name."""

import re

import common.http.request_metrics
import common.observability.admin
import common.postgres.metrics
import common.runtime.background
import gateway.metrics
import task_reader.metrics
import task_writer.metrics
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

MODULES = (
    common.observability.admin,
    common.runtime.background,
    common.postgres.metrics,
    common.http.request_metrics,
    gateway.metrics,
    task_reader.metrics,
    task_writer.metrics,
)
NAME = re.compile(r"(?<!:)\btaskwire_[a-z_]+\b")  # behind a colon it is what a rule records


def metrics() -> dict[str, MetricWrapperBase]:
    """Every metric of the code, by the name that Prometheus shows: a counter ends in _total."""
    made = {metric for module in MODULES for metric in vars(module).values() if isinstance(metric, MetricWrapperBase)}
    return {
        described.name + ("_total" if isinstance(metric, Counter) else ""): metric
        for metric in made
        for described in metric.describe()
    }


def series() -> set[str]:
    """The names that a query can use: of a histogram those of its parts."""
    parts = ("_bucket", "_count", "_sum")
    return {
        name + part
        for name, metric in metrics().items()
        for part in (parts if isinstance(metric, Histogram) else ("",))
    }


def labels(metric: MetricWrapperBase) -> list[str]:
    return list(metric._labelnames)
