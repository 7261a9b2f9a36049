"""The admin port answers probes and Prometheus, and is off unless it is set."""

import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from common.http.request_metrics import observe_request
from common.observability.admin import AdminAnswer, AdminPortUnusable, open_admin
from common.observability.health import Component, Health
from common.settings import AdminSettings

from tests.observability.scraping import open_metrics
from tests.ports import closed_port
from tests.serving import Served


@pytest.fixture
def health() -> Health:
    made = Health("common", enough=all)
    made.start(database=Component())
    made.components["database"].worked()
    return made


@pytest.fixture
def port() -> Iterator[int]:
    with closed_port() as held:
        yield held


async def hello() -> AdminAnswer:
    return AdminAnswer(b"hello")


@pytest.fixture
async def admin(health: Health, port: int) -> AsyncIterator[Served]:
    async with open_admin(AdminSettings(admin_port=port), health, {"/hello": hello}):
        yield Served(port)


async def test_it_lives_whatever_is_down(admin: Served, health: Health) -> None:
    health.components["database"].lost()

    assert (await admin.ask("GET", "/livez")).status == 200


@pytest.mark.parametrize(("lost", "status", "state"), [(False, 200, "up"), (True, 503, "down")])
async def test_readiness_is_a_status_and_names_the_parts(
    admin: Served,
    health: Health,
    lost: bool,
    status: int,
    state: str,
) -> None:
    if lost:
        health.components["database"].lost()

    answered = await admin.ask("GET", "/readyz")

    assert (answered.status, answered.json()) == (status, {"ready": not lost, "components": {"database": state}})


async def test_metrics_are_in_the_form_of_prometheus(admin: Served) -> None:
    answered = await admin.ask("GET", "/metrics")

    assert answered.headers["content-type"].startswith("text/plain; version=")
    assert b"# TYPE process_cpu_seconds_total counter" in answered.body


async def test_a_service_may_show_pages_of_its_own(admin: Served) -> None:
    assert (await admin.ask("GET", "/hello")).body == b"hello"


async def test_an_unknown_path_is_answered_with_the_known_ones(admin: Served) -> None:
    answered = await admin.ask("GET", "/api")

    assert answered.status == 404
    assert b"/hello, /livez, /metrics, /readyz" in answered.body


async def test_nothing_can_be_changed_through_it(admin: Served) -> None:
    assert (await admin.ask("POST", "/metrics", body=b"x")).status == 405


async def test_a_head_request_has_no_body(admin: Served) -> None:
    answered = await admin.ask("HEAD", "/livez")

    assert (answered.status, answered.body) == (200, b"")


async def test_without_a_port_there_is_no_server(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("it listens")

    monkeypatch.setattr(socket, "create_server", refuse)

    async with open_admin(AdminSettings(admin_port=None), health):
        pass


async def test_a_taken_port_ends_the_service_and_names_the_variable(health: Health) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        with pytest.raises(AdminPortUnusable, match=f"port {taken} .* set ADMIN_PORT"):
            async with open_admin(AdminSettings(admin_port=taken), health):
                pass


async def test_it_ends_with_the_service(health: Health, port: int) -> None:
    async with open_admin(AdminSettings(admin_port=port), health):
        pass

    with pytest.raises(ConnectionRefusedError):
        await Served(port).ask("GET", "/livez")


OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


async def test_prometheus_gets_open_metrics_with_the_traces_of_requests(admin: Served) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    observe_request("GET", "/exemplary", 200, 0.02, trace)
    observe_request("GET", "/exemplary", 200, 0.2)

    answered = await admin.ask("GET", "/metrics", headers={"Accept": OPEN_METRICS})
    samples = [one for one in open_metrics(answered.body.decode()) if one.labels.get("route") == "/exemplary"]

    assert answered.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found = [(one.labels["le"], one.exemplar.labels, one.exemplar.value) for one in samples if one.exemplar]
    assert found == [("0.025", {"trace_id": trace}, 0.02)]


@pytest.mark.parametrize("accept", [None, "*/*", "text/plain;version=0.0.4"])
async def test_everybody_else_gets_text(admin: Served, accept: str | None) -> None:
    answered = await admin.ask("GET", "/metrics", headers={} if accept is None else {"Accept": accept})

    assert answered.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"# EOF" not in answered.body
