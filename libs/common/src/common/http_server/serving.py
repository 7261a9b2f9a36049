"""uvicorn servers with our protocol: their configuration, and one that runs inside another event loop."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from common.http_server.protocol import HttpLimits, with_limits


def server_config(app: Any, limits: HttpLimits, **options: Any) -> uvicorn.Config:
    """uvicorn's configuration for an ASGI app: our protocol, and nothing that the services do not use."""
    return uvicorn.Config(
        app,
        http=with_limits(limits),
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        **options,
    )


@asynccontextmanager
async def started(config: uvicorn.Config, sockets: list[socket.socket] | None = None) -> AsyncIterator[uvicorn.Server]:
    """A server that is started but not run: uvicorn's main loop would only poll for signals, ten times a second."""
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets)
    try:
        yield server
    finally:
        await server.shutdown(sockets)
