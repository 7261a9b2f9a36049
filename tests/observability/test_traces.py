"""One trace leads from the client through every service to the database."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
import yaml
from common.observability.tracing import Sampling
from gateway.settings import SamplingSettings
from local_stack.stack import Stack

from benchmarks.otlp import Collector, Span, collecting
from tests.conftest import PATIENT, running_stack_with
from tests.docs.pages import ROOT
from tests.users import new_user
from tests.waiting import eventually

from .promtool import NEEDS_PROMETHEUS, running_prometheus

DATA_SOURCES = ROOT / "deploy/observability/grafana/provisioning/datasources/taskwire.yml"
CLIENT_SPAN = "b7ad6b7169203331"
AT_ONCE = 30
READ = [
    ("gateway", "GET /api/{user_id}/tasks"),
    ("gateway", "ask task-reader"),
    ("task-reader", "POST /reads"),
    ("task-reader", "postgresql"),
]
WRITE = [
    ("gateway", "POST /api/{user_id}/tasks"),
    ("task-writer", "process tasks.commands"),
    ("task-writer", "postgresql"),
]


ASKED_FOR = set[str]()
"""All traces that clients of these tests have started; spans of one test may still arrive during another."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
async def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A system that traces a request only when the client sends a sampled traceparent."""
    variables = PATIENT | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    async with running_stack_with(variables, tmp_path_factory.mktemp("traced")) as running:
        yield running


@pytest.fixture
async def user(traced: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with new_user(traced.addresses.gateway_url) as client:
        yield client


def traceparent(trace_id: str, *, sampled: bool = True) -> dict[str, str]:
    if sampled:
        ASKED_FOR.add(trace_id)
    return {"traceparent": f"00-{trace_id}-{CLIENT_SPAN}-0{int(sampled)}"}


def new_trace() -> str:
    return secrets.token_hex(16)


def chain(spans: list[Span]) -> list[tuple[str, str]]:
    """The spans from the client's to the innermost, each the child of the one before."""
    (databases,) = ([span for span in spans if span.name == "postgresql"],)
    by_id = {span.span_id: span for span in spans}
    found, current = [], databases[0]
    while True:
        found.append((current.service, current.name))
        if current.parent_id not in by_id:
            assert current.parent_id == CLIENT_SPAN
            return found[::-1]
        current = by_id[current.parent_id]


async def whole_trace(collector: Collector, trace_id: str) -> list[Span]:
    """All of its spans, once the database's is there, and the parent of each: a service may send a child before it."""

    async def is_whole() -> bool:
        spans = collector.trace(trace_id)
        known = {CLIENT_SPAN, *(span.span_id for span in spans)}
        return any(span.name == "postgresql" for span in spans) and all(span.parent_id in known for span in spans)

    await eventually(is_whole)
    return collector.trace(trace_id)


async def test_a_read_is_one_trace_from_the_client_to_the_database(
    collector: Collector, user: httpx.AsyncClient
) -> None:
    trace_id = new_trace()

    await user.get("/tasks", headers=traceparent(trace_id))

    assert chain(await whole_trace(collector, trace_id)) == READ


async def test_a_write_is_one_trace_from_the_client_to_the_database(
    collector: Collector, user: httpx.AsyncClient
) -> None:
    trace_id = new_trace()

    await user.post("/tasks", json={"title": "Buy milk"}, headers=traceparent(trace_id))

    assert chain(await whole_trace(collector, trace_id)) == WRITE


async def test_spans_of_messages_are_described_as_opentelemetry_has_it(
    collector: Collector, user: httpx.AsyncClient
) -> None:
    trace_id = new_trace()

    await user.post("/tasks", json={"title": "Buy milk"}, headers=traceparent(trace_id))

    async def both_are_there() -> bool:
        return {"send tasks.commands", "process tasks.commands"} <= {span.name for span in collector.trace(trace_id)}

    await eventually(both_are_there)
    spans = {span.name: span for span in collector.trace(trace_id)}
    for name, kind, doing in (
        ("send tasks.commands", "send", "publish"),
        ("process tasks.commands", "process", "consume"),
    ):
        assert spans[name].attributes == {
            "messaging.system": "rabbitmq",
            "messaging.destination.name": "tasks.commands",
            "messaging.operation.type": kind,
            "messaging.operation.name": doing,
        }


async def test_a_span_says_which_process_of_which_release_it_is_of(
    collector: Collector, user: httpx.AsyncClient
) -> None:
    trace_id = new_trace()

    await user.post("/tasks", json={"title": "Buy milk"}, headers=traceparent(trace_id))

    async def both_are_there() -> bool:
        return {"gateway", "task-writer"} <= {span.service for span in collector.trace(trace_id)}

    await eventually(both_are_there)
    processes = {span.service: span.resource for span in collector.trace(trace_id)}
    assert {name: process["service.version"] for name, process in processes.items()} == {
        name: version(name) for name in ("gateway", "task-writer")
    }
    assert {process["service.namespace"] for process in processes.values()} == {"taskwire"}
    assert len({process["service.instance.id"] for process in processes.values()}) == len(processes)


@NEEDS_PROMETHEUS
async def test_an_exemplar_leads_from_a_metric_to_the_trace(
    traced: Stack, user: httpx.AsyncClient, tmp_path: Path
) -> None:
    """With the flags of docker-compose.yml, and the label by which Grafana's data source finds the trace."""
    command = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]["command"]
    flags = tuple(flag for flag in command if not flag.startswith(("--config.file=", "--storage.tsdb.path=")))
    sources = yaml.safe_load(DATA_SOURCES.read_text())["datasources"]
    (destination,) = sources[0]["jsonData"]["exemplarTraceIdDestinations"]
    trace_id = new_trace()
    await user.get("/tasks", headers=traceparent(trace_id))

    async with running_prometheus(tmp_path, {"gateway": traced.addresses.gateway_admin_url}, flags=flags) as url:
        await eventually(lambda: has_exemplar(url, {destination["name"]: trace_id}))

    assert destination["datasourceUid"] in {source["uid"] for source in sources if source["type"] == "tempo"}


async def has_exemplar(url: str, labels: dict[str, str]) -> bool:
    """Whether Prometheus has kept this exemplar of the requests' duration."""
    asked = {"query": "taskwire_http_request_seconds_bucket", "start": "0", "end": str(time.time() + 60)}
    async with httpx.AsyncClient(base_url=url, timeout=5) as client:
        series = (await client.get("/api/v1/query_exemplars", params=asked)).json()["data"]
    return any(one["labels"] == labels for each in series for one in each["exemplars"])


async def test_the_span_of_a_batch_belongs_to_one_of_its_traces_and_links_the_others(
    collector: Collector, user: httpx.AsyncClient
) -> None:
    trace_ids = {new_trace() for _ in range(AT_ONCE)}

    await asyncio.gather(
        *(user.post("/tasks", json={"title": "a"}, headers=traceparent(trace_id)) for trace_id in trace_ids)
    )

    async def all_carried_out() -> bool:
        batches = [span for span in collector.spans if span.name == "process tasks.commands"]
        traced = {span.trace_id for span in batches}.union(*(span.linked_traces for span in batches))
        return trace_ids <= traced

    await eventually(all_carried_out)


async def test_no_service_exports_a_trace_that_is_not_sampled(collector: Collector, user: httpx.AsyncClient) -> None:
    left_out, asked_for = new_trace(), new_trace()

    await user.get("/tasks")
    await user.get("/tasks", headers=traceparent(left_out, sampled=False))
    await user.post("/tasks", json={"title": "a"}, headers=traceparent(left_out, sampled=False))
    await user.get("/tasks", headers=traceparent(asked_for))

    await whole_trace(collector, asked_for)
    assert {span.trace_id for span in collector.spans} <= ASKED_FOR


NO_TRACEPARENTS = ["", "00-x-y-01", f"00-{'0' * 32}-{CLIENT_SPAN}-01", f"ff-{'a' * 32}-{CLIENT_SPAN}-01", "ff" * 40]


@pytest.mark.parametrize("value", NO_TRACEPARENTS)
async def test_a_traceparent_that_is_none_begins_no_trace(
    collector: Collector, user: httpx.AsyncClient, value: str
) -> None:
    asked_for = new_trace()

    answer = await user.get("/tasks", headers={"traceparent": value})
    await user.get("/tasks", headers=traceparent(asked_for))

    assert answer.status_code == httpx.codes.OK
    await whole_trace(collector, asked_for)
    assert {span.trace_id for span in collector.spans} <= ASKED_FOR


async def test_a_service_that_stops_sends_what_it_has_left(
    collector: Collector, traced: Stack, user: httpx.AsyncClient
) -> None:
    trace_id = new_trace()
    await user.get("/tasks", headers=traceparent(trace_id))

    await traced.services["task-reader"].stop()

    assert [span for span in collector.trace(trace_id) if span.service == "task-reader"]
    await traced.services["task-reader"].start()
    await eventually(lambda: reads(user))


async def reads(user: httpx.AsyncClient) -> bool:
    return (await user.get("/tasks")).is_success


@pytest.mark.parametrize(
    ("sampler", "meant"),
    [
        ("parentbased_always_on", Sampling(1.0, trusts_traceparent=True)),
        ("parentbased_traceidratio", Sampling(0.5, trusts_traceparent=True)),
        ("parentbased_always_off", Sampling(0.0, trusts_traceparent=True)),
        ("always_on", Sampling(1.0, trusts_traceparent=False)),
        ("traceidratio", Sampling(0.5, trusts_traceparent=False)),
        ("always_off", Sampling(0.0, trusts_traceparent=False)),
    ],
)
def test_a_sampler_is_read_as_opentelemetry_names_it(
    monkeypatch: pytest.MonkeyPatch, sampler: str, meant: Sampling
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")

    assert SamplingSettings().sampling == meant
