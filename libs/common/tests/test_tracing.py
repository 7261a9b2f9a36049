"""Without an endpoint there is no tracing, and its libraries stay away. One that fails does no harm."""

import asyncio
import socket
import subprocess
import sys

from common.contracts import Read
from common.settings import TraceSettings
from common.tracing import FLUSH_WITHIN_S, Sampling, batch_span, inner_span, open_tracing, request_span, trace_id

PROGRAM = """
import sys, common.app, common.database, common.broker, common.server
assert "opentelemetry.sdk" not in sys.modules, "loaded"
"""


def test_the_services_do_not_load_it_before_it_is_asked_for() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


async def test_without_an_endpoint_nothing_is_traced() -> None:
    wish = Read(user_id="7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")

    async with open_tracing("common", TraceSettings(otel_exporter_otlp_endpoint=None)):
        with (
            request_span("GET", [(b"traceparent", wish.traceparent.encode())]) as request,  # type: ignore[union-attr]
            batch_span("batch", "CLIENT", [wish]) as batch,
            inner_span("postgresql") as inner,
        ):
            assert (request, batch, inner) == (None, None, None)


async def test_a_collector_that_does_not_answer_holds_up_the_end_no_longer_than_promised() -> None:
    every = Sampling(share=1.0, trusts_traceparent=False)
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
