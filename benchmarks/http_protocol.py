"""The cost of a request in the HTTP protocol alone: `uv run python -m benchmarks.http_protocol`, half a minute.

CPU time in this process, without sockets, an app that does nothing behind it; the quietest of many rounds, by turns, so
that other programs on the machine hardly matter.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import uvicorn
import uvloop
from common.http_server.protocol import HttpLimits, with_limits
from uvicorn.server import ServerState

ROUNDS, REQUESTS = 120, 300
PATH = b"/api/7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11/tasks"
HEADERS = b"Host: 127.0.0.1:8000\r\nAccept: */*\r\nUser-Agent: bench/1\r\nX-Request-ID: 1\r\n"
BODY = b'{"title": "buy milk"}'
REQUESTS_OF = {
    "GET": b"GET %b HTTP/1.1\r\n%b\r\n" % (PATH, HEADERS),
    "POST": b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (PATH, HEADERS, len(BODY), BODY),
}
ANSWER_HEADERS = [(b"content-length", b"200"), (b"content-type", b"application/json"), (b"x-request-id", b"1")]

type Call = Callable[[], Awaitable[Mapping[str, Any]]]


async def answer(scope: Mapping[str, Any], receive: Call, send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
    """An app that reads a body and answers with 200 bytes."""
    if scope["method"] == "POST":
        await receive()
    await send({"type": "http.response.start", "status": 200, "headers": list(ANSWER_HEADERS)})
    await send({"type": "http.response.body", "body": b"x" * 200})


class Wire(asyncio.Transport):
    """A transport that counts the answers: each ends with the body."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.answers = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answers += bytes(data[-1:]) == b"x"

    def close(self) -> None:
        """Nothing is open."""

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


async def cost_us(http: Any, request: bytes) -> float:
    """CPU time per request, in microseconds."""
    config = uvicorn.Config(answer, http=http, lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Wed, 25 Nov 2026 20:34:39 GMT")]
    make: Any = config.http_protocol_class
    protocol, wire = make(config=config, server_state=state, app_state={}), Wire()
    protocol.connection_made(wire)
    began = time.thread_time()
    for number in range(REQUESTS):
        protocol.data_received(request)
        while wire.answers <= number:  # noqa: ASYNC110 - an event would be measured too
            await asyncio.sleep(0)
    seconds = time.thread_time() - began
    protocol.connection_lost(None)
    return seconds / REQUESTS * 1e6


async def measure() -> None:
    """Prints a line for each protocol."""
    kinds: dict[str, Any] = {"ours": with_limits(HttpLimits()), "httptools": "httptools", "h11": "h11"}
    best = {(kind, method): float("inf") for kind in kinds for method in REQUESTS_OF}
    for _ in range(ROUNDS):
        for (kind, method), least in best.items():
            best[kind, method] = min(least, await cost_us(kinds[kind], REQUESTS_OF[method]))
    for kind in kinds:
        print(f"{kind:10}" + "".join(f"{method:>6} {best[kind, method]:6.1f} us" for method in REQUESTS_OF))


if __name__ == "__main__":
    uvloop.run(measure())
