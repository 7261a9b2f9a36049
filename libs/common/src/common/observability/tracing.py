"""Traces by OpenTelemetry, from the client's traceparent to PostgreSQL: off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

Its libraries are loaded only then. Nothing is told of a wish that the sampler has left out: such a wish has no
traceparent, so that the services behind the gateway spend nothing on it.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from common.contracts.message import Operation
from common.settings import TraceSettings

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

FLUSH_WITHIN_S = 2.0
MAX_LINKS = 128

# Of https://www.w3.org/TR/trace-context/#traceparent-header, version 00, or a later one that may have more parts.
_TRACEPARENT = re.compile(
    r"(?!ff)(?!00.{53}.)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})(?:-.*)?"
)

type Kind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
type Traced = AbstractContextManager[str | None]
"""Around work that may be traced; gives the traceparent of its span, None when it is not."""

_UNTRACED: Traced = nullcontext()


_LOW_IDS = 1 << 64  # the lower half of a trace's id decides, for the sake of older systems that have no more
_SAMPLED_FLAG = 0x01


@dataclass(frozen=True)
class Sampling:
    """Which requests are traced: a share of all traces, 0 to 1, decided by the trace's id as OpenTelemetry decides it;
    if `trusts_traceparent`, what a request's traceparent says counts instead, where it has one."""

    share: float
    trusts_traceparent: bool

    @cached_property
    def _bound(self) -> int:
        return round(self.share * _LOW_IDS)

    def samples(self, parent: re.Match[str] | None, trace_id: int) -> bool:
        """Whether the request is traced; `parent` is its traceparent, as _TRACEPARENT reads it."""
        if parent is not None and self.trusts_traceparent:
            return int(parent["flags"], 16) & _SAMPLED_FLAG != 0
        return trace_id % _LOW_IDS < self._bound


FOLLOWING = Sampling(share=0.0, trusts_traceparent=True)
"""Of a service behind another one, which has decided."""

_tracer: "Tracer | None" = None  # of this process
_sampling = FOLLOWING
_drawn_trace_id: int | None = None  # of the trace that begins now: its sampling decision is made by this id


class _Spanned(AbstractContextManager[str | None]):
    """Work under a span, which is the current one meanwhile."""

    def __init__(self, span: "Span") -> None:
        self._span = span
        self._token: Token[Context] | None = None

    def __enter__(self) -> str:
        from opentelemetry import context, trace  # noqa: PLC0415

        self._token = context.attach(trace.set_span_in_context(self._span))
        told = self._span.get_span_context()
        return f"00-{told.trace_id:032x}-{told.span_id:016x}-01"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        from opentelemetry import context  # noqa: PLC0415
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        if self._token is not None:
            context.detach(self._token)
        if kind is not None:
            self._span.set_status(StatusCode.ERROR, kind.__name__)  # its text might be a task's
        self._span.end()


@asynccontextmanager
async def open_tracing(service: str, settings: TraceSettings, sampling: Sampling = FOLLOWING) -> AsyncIterator[None]:
    """Traces while it is open, if the settings say where to; what is left is sent at the end, for 2 s at most."""
    global _tracer, _sampling  # noqa: PLW0603
    if settings.otel_exporter_otlp_endpoint is None:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _take_drawn_trace_id() or super().generate_trace_id()

    resource = Resource.create({"service.name": service})
    # Every span that is begun is sampled: request_span has decided.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=Ids(), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{str(settings.otel_exporter_otlp_endpoint).rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer, _sampling = provider.get_tracer("taskwire"), sampling
    try:
        yield
    finally:
        _tracer = None
        await asyncio.to_thread(_send_what_is_left, provider, exporter)


def _send_what_is_left(provider: "TracerProvider", exporter: "SpanExporter") -> None:
    """Takes FLUSH_WITHIN_S at most: `force_flush` has a limit too, and does not keep it (opentelemetry-python#4568).

    With a collector that does not answer it takes 10 s for each batch of spans, and a process waits for its threads.
    """
    flushing = Thread(target=provider.force_flush, daemon=True)
    flushing.start()
    flushing.join(FLUSH_WITHIN_S)
    exporter.shutdown()


def request_span(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Traced:
    """Around a request, if it is traced: a part of the trace that its traceparent names, or the first of a new one.

    The sampling decision is made here: to ask OpenTelemetry's own sampler was 7 % of the gateway's CPU time for a read.
    """
    global _drawn_trace_id  # noqa: PLW0603
    if _tracer is None:
        return _UNTRACED
    given = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(b"trace")}
    parent = _TRACEPARENT.fullmatch(given.get("traceparent", ""))
    trace_id = int(parent["trace"], 16) if parent else random.getrandbits(128) or 1
    if not _sampling.samples(parent, trace_id):
        return _UNTRACED
    if parent is None:
        _drawn_trace_id = trace_id
    return _span(_tracer, method, "SERVER", parent=given)


def _take_drawn_trace_id() -> int | None:
    """The id that request_span has just drawn, once."""
    global _drawn_trace_id
    drawn, _drawn_trace_id = _drawn_trace_id, None
    return drawn


def batch_span(name: str, kind: Kind, wishes: Iterable[Operation]) -> Traced:
    """Around the work on a batch: a part of the trace of its first traced wish, with links to those of the others."""
    if _tracer is None:
        return _UNTRACED
    traced = [wish.traceparent for wish in wishes if wish.traceparent is not None]
    if not traced:
        return _UNTRACED
    first, *others = traced[:MAX_LINKS]
    return _span(_tracer, name, kind, parent={"traceparent": first}, links=others)


def inner_span(name: str, **attributes: str) -> Traced:
    """Around a part of work that is traced; nothing elsewhere."""
    if _tracer is None:
        return _UNTRACED
    from opentelemetry import trace  # noqa: PLC0415

    if not trace.get_current_span().is_recording():
        return _UNTRACED
    span = _tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)
    return _Spanned(span)


def describe_span(name: str, attributes: dict[str, str | int]) -> None:
    """Completes the span of the work that calls this, once more is known of it."""
    from opentelemetry import trace  # noqa: PLC0415

    span = trace.get_current_span()
    span.update_name(name)
    span.set_attributes(attributes)


def trace_id(traceparent: str | None) -> str | None:
    """The part of a traceparent that all spans of a trace share."""
    return traceparent[3:35] if traceparent is not None else None


def _span(tracer: "Tracer", name: str, kind: Kind, *, parent: dict[str, str], links: Iterable[str] = ()) -> Traced:
    from opentelemetry import context, trace  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    def extract(carrier: dict[str, str]) -> "Context":
        return TraceContextTextMapPropagator().extract(carrier, context.Context())

    linked = [trace.Link(trace.get_current_span(extract({"traceparent": link})).get_span_context()) for link in links]
    span = tracer.start_span(name, extract(parent), trace.SpanKind[kind], links=linked)
    return _Spanned(span) if span.is_recording() else _UNTRACED
