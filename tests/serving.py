"""A service in this process, under uvicorn on a free port, and a client of the standard library for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from typing import Any, Literal

from common.http_server.protocol import HttpLimits
from common.http_server.serving import server_config, started

LIMIT_S = 10.0

_CLIENTS = ThreadPoolExecutor(64, "client")
"""Not the loop's own threads, of which there are few: the services look up names in those, for which they would wait
until one of their own clients gave up."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A service that listens on `port` of this machine."""

    port: int

    async def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to one request on a connection of its own."""
        asking = partial(self._ask, method, path, body, dict(headers or {}))
        return await asyncio.get_running_loop().run_in_executor(_CLIENTS, asking)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()


@asynccontextmanager
async def serving(
    app: Callable[..., Awaitable[None]],
    *,
    lifespan: Literal["on", "off"] = "on",
    limits: HttpLimits | None = None,
    port: int = 0,
) -> AsyncIterator[Served]:
    """Serves `app` as common.http_server.server does; with `lifespan` off, its state is the caller's to set."""
    config = server_config(app, limits or HttpLimits(), host="127.0.0.1", port=port, lifespan=lifespan)
    async with started(config) as server:
        yield Served(server.servers[0].sockets[0].getsockname()[1])
