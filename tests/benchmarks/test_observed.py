"""The variants are what their names say, and what they keep of the plain one's rate is judged round by round."""

from pathlib import Path

import pytest
from common.settings import load
from gateway.settings import GatewaySettings

from benchmarks.observed import MEASURED, NotAsNamed, judge, require_observed, variants
from benchmarks.scraping import Scrapes
from tests.benchmarks.runs import runs

COLLECTOR = "http://127.0.0.1:4318/"
OF_THE_STACK = {
    "PORT": "8000",
    "ADMIN_PORT": "9000",
    "READER_URL": "http://127.0.0.1:8001",
    "RABBITMQ_URL": "amqp://127.0.0.1/",
}
OF_SOMEONE_ELSE = {
    "AUTH_MODE": "jwt",
    "LOG_REQUESTS": "true",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere.example",
}
SERVICES = ("gateway", "task-reader")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", {"admin_port": None, "collector": None, "auth_mode": "off"}),
        ("observed", {"admin_port": 9000, "collector": COLLECTOR, "auth_mode": "off"}),
        ("jwt", {"admin_port": None, "collector": None, "auth_mode": "jwt"}),
    ],
)
def test_a_variant_is_what_its_name_says_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, expected: dict[str, object]
) -> None:
    variant = variants(tmp_path, COLLECTOR)[name]
    for variable, value in {**OF_THE_STACK, **OF_SOMEONE_ELSE, **variant.variables}.items():
        monkeypatch.setenv(variable, value)

    settings = load(GatewaySettings)

    endpoint = settings.otel_exporter_otlp_endpoint
    collector = str(endpoint) if endpoint else None
    assert {"admin_port": settings.admin_port, "collector": collector, "auth_mode": settings.auth_mode} == expected
    assert not settings.log_requests
    assert (variant.tokens is not None) == (name == "jwt")


def test_every_user_of_the_measured_requests_has_a_token(tmp_path: Path) -> None:
    tokens = variants(tmp_path, COLLECTOR)["jwt"].tokens

    assert tokens is not None
    bearers = {line.split()[0] for line in tokens.read_text().splitlines()}
    assert {request.split("/")[2] for scenario in MEASURED for request in scenario.requests()} <= bearers


def test_what_is_kept_of_the_rate_is_the_median_of_the_rounds() -> None:
    measured = {"plain": runs(100.0, 200.0, 100.0), "observed": runs(95.0, 100.0, 99.0), "jwt": runs(89.0, 178.0, 80.0)}

    observed, jwt = judge(MEASURED[0], measured)

    assert (observed.value.median, observed.reached) == (0.95, True)
    assert (jwt.value.median, jwt.reached) == (0.89, False)


@pytest.mark.parametrize(("scrapes", "spans"), [(0, {"gateway": 1, "task-reader": 1}), (1, {"gateway": 1})])
def test_a_product_that_nobody_has_observed_is_refused(scrapes: int, spans: dict[str, int]) -> None:
    with pytest.raises(NotAsNamed):
        require_observed(SERVICES, Scrapes(count=scrapes), spans)


def test_a_product_of_which_every_service_was_seen_is_taken() -> None:
    require_observed(SERVICES, Scrapes(count=1), {"gateway": 1, "task-reader": 1})
