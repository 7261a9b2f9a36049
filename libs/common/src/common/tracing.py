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
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from common.contracts import Wish
from common.settings import TraceSettings

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

FLUSH_WITHIN_S = 2.0
MAX_LINKS = 128

# Of https://www.w3.org/TR/trace-context/#traceparent-header, version 00 or a later one.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")

type Kind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
type Traced = AbstractContextManager[str | None]
"""Around work that may be traced; gives the traceparent of its span, None when it is not."""

_UNTRACED: Traced = nullcontext()


@dataclass(frozen=True)
class Sampling:
    """Which requests are traced: a share of all, 0 to 1, and those whose traceparent says so, if that is trusted."""

    share: float
    trusts_traceparent: bool


FOLLOWING = Sampling(share=0.0, trusts_traceparent=True)
"""Of a service behind another one, which has decided."""

_tracer: "Tracer | None" = None  # of this process
_sampling = FOLLOWING


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
    from opentelemetry.sdk.trace.sampling import DEFAULT_ON  # noqa: PLC0415

    resource = Resource.create({"service.name": service})
    provider = TracerProvider(sampler=DEFAULT_ON, resource=resource, shutdown_on_exit=False)
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

    The lot is drawn here: to ask OpenTelemetry's own sampler was 7 % of the gateway's CPU time for a read.
    """
    if _tracer is None:
        return _UNTRACED
    given = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(b"trace")}
    follows = _sampling.trusts_traceparent and _TRACEPARENT.fullmatch(given.get("traceparent", ""))
    if not follows and random.random() >= _sampling.share:  # noqa: S311 - no secret
        return _UNTRACED
    return _span(_tracer, method, "SERVER", parent=given)


def batch_span(name: str, kind: Kind, wishes: Iterable[Wish]) -> Traced:
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
