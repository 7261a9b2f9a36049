"""Runs a FastAPI app under uvicorn, within the limits of its settings."""

import resource
import socket
import sys
from contextlib import suppress

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from common.http_server.draining import DrainingServer
from common.http_server.protocol import HttpLimits
from common.http_server.serving import server_config
from common.observability.health import Health
from common.runtime.gc_tuning import freeze_startup_objects
from common.settings import HttpSettings

OTHER_OPEN_FILES = 256


class _Server(DrainingServer):
    """A server that turns not ready before it shuts down."""

    def __init__(self, config: uvicorn.Config, health: Health) -> None:
        super().__init__(config)
        self._health = health

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._health.stop()
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: HttpSettings, health: Health) -> None:
    """Serves until SIGINT or SIGTERM; then turns not ready and drains its connections (draining.py) for up to 11 s, and
    flushes traces for up to 2 s.

    Exits with status 3 when the port is not available or the app does not start.
    """
    config = server_config(
        app,
        _limits(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        timeout_graceful_shutdown=10,
    )
    _allow_open_files(settings.connections_max)
    server = _Server(config, health)
    freeze_startup_objects()
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def _limits(settings: HttpSettings) -> HttpLimits:
    return HttpLimits(
        head_bytes=settings.head_max_bytes,
        head_timeout_s=settings.head_timeout_s,
        body_timeout_s=settings.body_timeout_s,
        answer_timeout_s=settings.answer_timeout_s,
        connections=settings.connections_max,
        requests=settings.requests_max_in_flight,
    )


def _allow_open_files(connections: int) -> None:
    """Raises the soft limit of open files: each connection is one, and many shells allow only 1,024."""
    wanted = connections + OTHER_OPEN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
