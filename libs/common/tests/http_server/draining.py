"""A server that a test may drain, in the test's event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from common.http_server.draining import DrainingServer


@asynccontextmanager
async def drainable(config: uvicorn.Config) -> AsyncIterator[DrainingServer]:
    """The server, started but not run; it is stopped in the end unless the test has done so."""
    config.load()
    server = DrainingServer(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    yield server
    if any(one.is_serving() for one in server.servers):
        await server.shutdown()
