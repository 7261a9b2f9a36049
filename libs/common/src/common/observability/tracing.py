"""OpenTelemetry tracing, from the client's traceparent to PostgreSQL: off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

OpenTelemetry is imported only then. An operation that is not sampled has no traceparent, so that the services behind
the gateway spend nothing on it.
"""

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from common.settings import TraceSettings

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

FLUSH_WITHIN_S = 2.0
MAX_LINKS = 128

# https://www.w3.org/TR/trace-context/#traceparent-header: version 00, or a later one, which may have more parts.
_TRACEPARENT = re.compile(
    r"(?!ff)(?!00.{53}.)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})(?:-.*)?"
)

type Kind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
type Traced = AbstractContextManager[str | None]
"""A context manager around work; yields the traceparent of its span, None when it is not traced."""

_UNTRACED: Traced = nullcontext()


_LOW_IDS = 1 << 64  # only the lower 64 bits decide, because older systems have only these
_SAMPLED_FLAG = 0x01


@dataclass(frozen=True)
class Sampling:
    """Which requests are traced: a ratio of all traces, 0 to 1, decided by the trace id as in OpenTelemetry's
    TraceIdRatioBased. With `trusts_traceparent`, the sampled flag of a request's traceparent takes precedence."""

    ratio: float
    trusts_traceparent: bool

    @cached_property
    def _bound(self) -> int:
        return round(self.ratio * _LOW_IDS)

    def samples(self, parent: re.Match[str] | None, trace_id: int) -> bool:
        """Whether the request is traced; `parent` is its traceparent as matched by _TRACEPARENT."""
        if parent is not None and self.trusts_traceparent:
            return int(parent["flags"], 16) & _SAMPLED_FLAG != 0
        return trace_id % _LOW_IDS < self._bound


FOLLOWING = Sampling(ratio=0.0, trusts_traceparent=True)
"""For a service behind another one, which has made the sampling decision."""

_tracer: "Tracer | None" = None  # of this process
_sampling = FOLLOWING
_next_trace_id: int | None = None  # of the trace that starts now, whose sampling decision was made with this id


class _SpanScope(AbstractContextManager[str | None]):
    """Makes a span the current one, and ends it on exit."""

    def __init__(self, span: "Span") -> None:
        self._span = span
        self._token: Token[Context] | None = None

    def describe(self, attributes: Mapping[str, str]) -> None:
        """Adds attributes."""
        self._span.set_attributes(attributes)

    def __enter__(self) -> str:
        from opentelemetry import context, trace  # noqa: PLC0415

        self._token = context.attach(trace.set_span_in_context(self._span))
        span_context = self._span.get_span_context()
        return f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-01"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        from opentelemetry import context  # noqa: PLC0415
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        if self._token is not None:
            context.detach(self._token)
        if kind is not None:
            self._span.set_status(StatusCode.ERROR, kind.__name__)  # the message might contain a task's text
        self._span.end()


@asynccontextmanager
async def open_tracing(service: str, settings: TraceSettings, sampling: Sampling = FOLLOWING) -> AsyncIterator[None]:
    """Traces while it is open, if an endpoint is set; on exit flushes the remaining spans for up to 2 s."""
    global _tracer, _sampling  # noqa: PLW0603
    if settings.otel_exporter_otlp_endpoint is None:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _take_next_trace_id() or super().generate_trace_id()

    # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME go before what is known here.
    resource = Resource.create(_identity(service)).merge(OTELResourceDetector().detect())
    # Every started span is sampled: request_span has made the decision.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=Ids(), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{str(settings.otel_exporter_otlp_endpoint).rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer, _sampling = provider.get_tracer("taskwire"), sampling
    try:
        yield
    finally:
        _tracer = None
        await asyncio.to_thread(_flush, provider, exporter)


def _identity(service: str) -> dict[str, str]:
    """Which process of which release it is: the attributes of OpenTelemetry's conventions for resources."""
    return {
        "service.namespace": "taskwire",
        "service.name": service,
        "service.version": version(service),
        "service.instance.id": str(uuid4()),
        "host.name": socket.gethostname(),
    }


def _flush(provider: "TracerProvider", exporter: "SpanExporter") -> None:
    """Takes FLUSH_WITHIN_S at most: `force_flush` has a time-out, but ignores it (opentelemetry-python#4568).

    With an unresponsive collector it takes 10 s per batch of spans, and the process would wait for the thread.
    """
    flushing = Thread(target=provider.force_flush, daemon=True)
    flushing.start()
    flushing.join(FLUSH_WITHIN_S)
    exporter.shutdown()


def request_span(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Traced:
    """The span of a request, if it is sampled: part of the trace in its traceparent, or the root of a new one.

    The sampling decision is made here: OpenTelemetry's own sampler took 7 % of the gateway's CPU time for a read.
    """
    global _next_trace_id  # noqa: PLW0603
    if _tracer is None:
        return _UNTRACED
    given = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(b"trace")}
    parent = _TRACEPARENT.fullmatch(given.get("traceparent", ""))
    trace_id = int(parent["trace"], 16) if parent else random.getrandbits(128) or 1
    if not _sampling.samples(parent, trace_id):
        return _UNTRACED
    if parent is None:
        _next_trace_id = trace_id
    return _span(_tracer, method, "SERVER", parent=given)


def _take_next_trace_id() -> int | None:
    """Returns the id chosen by request_span and clears it."""
    global _next_trace_id
    trace_id, _next_trace_id = _next_trace_id, None
    return trace_id


def batch_span(
    name: str, kind: Kind, traceparents: Iterable[str | None], attributes: Mapping[str, str] | None = None
) -> Traced:
    """The span of a batch of operations with these traceparents: part of the trace of the first that is traced, with
    links to the other traces."""
    if _tracer is None:
        return _UNTRACED
    traced = [traceparent for traceparent in traceparents if traceparent is not None]
    if not traced:
        return _UNTRACED
    first, *others = [*dict.fromkeys(traced)][:MAX_LINKS]  # the operations of one request share one
    span = _span(_tracer, name, kind, parent={"traceparent": first}, links=others)
    if attributes and isinstance(span, _SpanScope):
        span.describe(attributes)
    return span


def inner_span(name: str, **attributes: str) -> Traced:
    """A child span of the current span; does nothing when there is none."""
    if _tracer is None:
        return _UNTRACED
    from opentelemetry import trace  # noqa: PLC0415

    if not trace.get_current_span().is_recording():
        return _UNTRACED
    span = _tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)
    return _SpanScope(span)


def describe_span(name: str, attributes: dict[str, str | int]) -> None:
    """Sets the name and attributes of the current span."""
    from opentelemetry import trace  # noqa: PLC0415

    span = trace.get_current_span()
    span.update_name(name)
    span.set_attributes(attributes)


def trace_id(traceparent: str | None) -> str | None:
    """The trace id in a traceparent."""
    return traceparent[3:35] if traceparent is not None else None


def _span(tracer: "Tracer", name: str, kind: Kind, *, parent: dict[str, str], links: Iterable[str] = ()) -> Traced:
    from opentelemetry import context, trace  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    def extract(carrier: dict[str, str]) -> "Context":
        return TraceContextTextMapPropagator().extract(carrier, context.Context())

    linked = [trace.Link(trace.get_current_span(extract({"traceparent": link})).get_span_context()) for link in links]
    span = tracer.start_span(name, extract(parent), trace.SpanKind[kind], links=linked)
    return _SpanScope(span) if span.is_recording() else _UNTRACED
