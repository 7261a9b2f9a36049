"""Without an endpoint, OpenTelemetry is not imported. A failing endpoint does no harm."""

import asyncio
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from common.contracts.reads import Read
from common.observability.tracing import (
    FLUSH_WITHIN_S,
    Sampling,
    batch_span,
    inner_span,
    open_tracing,
    request_span,
    trace_id,
)
from common.settings import TraceSettings
from opentelemetry.context import Context
from opentelemetry.sdk.trace import sampling
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROGRAM = """
import sys, common.http.app, common.postgres.database, common.bus.broker, common.http_server.server
assert "opentelemetry.sdk" not in sys.modules, "loaded"
"""


def test_the_services_load_it_only_when_tracing_is_on() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


async def test_without_an_endpoint_nothing_is_traced() -> None:
    operation = Read(
        user_id="7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    )

    async with open_tracing("common", TraceSettings(otel_exporter_otlp_endpoint=None)):
        with (
            request_span("GET", [(b"traceparent", operation.traceparent.encode())]) as request,  # type: ignore[union-attr]
            batch_span("batch", "CLIENT", [operation.traceparent]) as batch,
            inner_span("postgresql") as inner,
        ):
            assert (request, batch, inner) == (None, None, None)


async def test_a_collector_that_does_not_answer_holds_up_the_end_no_longer_than_promised() -> None:
    every = Sampling(ratio=1.0, trusts_traceparent=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = TraceSettings.model_validate(
            {"otel_exporter_otlp_endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        )
        clock = asyncio.get_running_loop().time
        async with open_tracing("common", settings, every):
            with request_span("GET", []) as request:
                assert request is not None
            began = clock()

        assert clock() - began < FLUSH_WITHIN_S + 1.0


def test_the_trace_of_a_traceparent_is_its_second_part() -> None:
    assert trace_id("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == "0af7651916cd43dd8448eb211c80319c"
    assert trace_id(None) is None


PARENTS = {
    "none": None,
    "sampled": "00-{trace}-b7ad6b7169203331-01",
    "not sampled": "00-{trace}-b7ad6b7169203331-00",
    "sampled, with a flag of tomorrow": "00-{trace}-b7ad6b7169203331-83",
    "of a later version": "cc-{trace}-b7ad6b7169203331-01-more",
    "of no version": "ff-{trace}-b7ad6b7169203331-01",
    "with too much": "00-{trace}-b7ad6b7169203331-01-more",
    "without a span": "00-{trace}-0000000000000000-01",
    "in capitals": "00-{trace}-B7AD6B7169203331-01",
    "of no trace": "00-00000000000000000000000000000000-b7ad6b7169203331-01",
}
RATIO = 0.3
SAMPLERS: dict[str, tuple[Sampling, Sampler]] = {
    "always_on": (Sampling(1.0, trusts_traceparent=False), sampling.ALWAYS_ON),
    "always_off": (Sampling(0.0, trusts_traceparent=False), sampling.ALWAYS_OFF),
    "traceidratio": (Sampling(RATIO, trusts_traceparent=False), sampling.TraceIdRatioBased(RATIO)),
    "parentbased_always_on": (Sampling(1.0, trusts_traceparent=True), sampling.DEFAULT_ON),
    "parentbased_always_off": (Sampling(0.0, trusts_traceparent=True), sampling.DEFAULT_OFF),
    "parentbased_traceidratio": (
        Sampling(RATIO, trusts_traceparent=True),
        sampling.ParentBased(sampling.TraceIdRatioBased(RATIO)),
    ),
}


@asynccontextmanager
async def collector() -> AsyncIterator[TraceSettings]:
    """Settings with the address of one that takes all traces."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        while await reader.read(65_536):
            pass
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield TraceSettings.model_validate({"otel_exporter_otlp_endpoint": f"http://127.0.0.1:{port}"})


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("parent", PARENTS.values(), ids=PARENTS.keys())
async def test_a_request_is_traced_where_opentelemetrys_own_sampler_traces_it(name: str, parent: str | None) -> None:
    ours, theirs = SAMPLERS[name]
    draw = random.Random(f"{name} {parent}")  # noqa: S311 - the same ids each time
    async with collector() as url, open_tracing("common", url, ours):
        for _ in range(200):
            client_trace = f"{draw.getrandbits(128):032x}"
            headers = {} if parent is None else {"traceparent": parent.format(trace=client_trace)}
            context = TraceContextTextMapPropagator().extract(headers, Context())
            client = get_current_span(context).get_span_context()

            with request_span("GET", [(key.encode(), value.encode()) for key, value in headers.items()]) as traced:
                pass

            if client.is_valid:  # the trace of the client goes on, and its id decides
                result = theirs.should_sample(context, client.trace_id, "GET")
                assert (traced is not None) is (result.decision is Decision.RECORD_AND_SAMPLE)
                assert traced is None or trace_id(traced) == client_trace
            elif traced is not None:  # a new trace, whose id is one that is sampled
                assert trace_id(traced) != client_trace
                own = theirs.should_sample(None, int(traced[3:35], 16), "GET")
                assert own.decision is Decision.RECORD_AND_SAMPLE


@pytest.mark.parametrize("name", SAMPLERS)
async def test_so_large_a_share_of_new_traces_is_traced(name: str) -> None:
    ours, _ = SAMPLERS[name]
    ids = [random.getrandbits(128) for _ in range(10_000)]

    ratio = sum(ours.samples(None, one) for one in ids) / len(ids)

    assert abs(ratio - ours.ratio) < 0.05
