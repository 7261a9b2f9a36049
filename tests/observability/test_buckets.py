"""The histograms have bounds where the limits are, so that what was answered in time is known and not interpolated."""

import pytest
from common.http.request_metrics import REQUEST_SECONDS
from common.postgres.metrics import DATABASE_SECONDS
from common.settings import DatabaseSettings, ServiceSettings
from gateway.metrics import BATCH_SECONDS
from gateway.settings import GatewaySettings
from prometheus_client import Histogram
from task_writer.metrics import QUEUE_SECONDS

OBJECTIVE_S = 0.5


@pytest.mark.parametrize(
    ("histogram", "settings", "limit"),
    [
        (REQUEST_SECONDS, GatewaySettings, "write_deadline_s"),
        (REQUEST_SECONDS, GatewaySettings, "read_timeout_s"),
        (BATCH_SECONDS, GatewaySettings, "write_deadline_s"),
        (BATCH_SECONDS, GatewaySettings, "read_timeout_s"),
        (QUEUE_SECONDS, GatewaySettings, "write_deadline_s"),
        (DATABASE_SECONDS, DatabaseSettings, "database_timeout_s"),
    ],
)
def test_a_bound_is_at_the_limit_as_it_comes(histogram: Histogram, settings: type[ServiceSettings], limit: str) -> None:
    assert settings.model_fields[limit].default in histogram._kwargs["buckets"]


def test_a_bound_is_at_the_objective() -> None:
    assert OBJECTIVE_S in REQUEST_SECONDS._kwargs["buckets"]
