"""A collector in this process: receives traces over OTLP/HTTP and keeps their spans."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class Span:
    """A span that a service has exported; ids are hexadecimal."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    linked_traces: frozenset[str]
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    """What the process is that sent it."""


class Collector(ThreadingHTTPServer):
    """Keeps every span in order of arrival."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def trace(self, trace_id: str) -> list[Span]:
        return [span for span in self.spans if span.trace_id == trace_id]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_for_traces = self.path == "/v1/traces"
        if is_for_traces:
            self.server.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
        self.send_response(200 if is_for_traces else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        """Logs nothing."""


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        process = _texts(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    process["service.name"],
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    frozenset(link.trace_id.hex() for link in span.links),
                    _texts(span.attributes),
                    process,
                )


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Those whose value is a text."""
    return {one.key: one.value.string_value for one in attributes if one.value.HasField("string_value")}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    thread = Thread(target=collector.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
