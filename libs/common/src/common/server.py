"""Runs a FastAPI app under uvicorn, with the errors of the HTTP parser as problem answers too."""

import socket
import sys
from contextlib import suppress

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common.draining import DrainingServer
from common.garbage import spare_what_is_loaded
from common.health import Health
from common.problems import MALFORMED_REQUEST, MEDIA_TYPE, problem_bytes

KEEP_ALIVE_S = 75
"""How long an idle connection is kept: longer than load balancers keep theirs (mostly 60 s), so that they end it and no
request meets a closing one."""


class ProblemHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose answer to bytes that are no HTTP is a problem answer instead of plain text."""

    def send_400_response(self, msg: str) -> None:
        body = problem_bytes(MALFORMED_REQUEST, "The request could not be parsed as HTTP/1.1.")
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class _Server(DrainingServer):
    """A server that tells probes that it stops before it does."""

    def __init__(self, config: uvicorn.Config, health: Health) -> None:
        super().__init__(config)
        self._health = health

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._health.stop()
        await super().shutdown(sockets)


def serve(app: FastAPI, *, host: str, port: int, health: Health) -> None:
    """Serves until SIGINT or SIGTERM; then is not ready any more, finishes what is in hand and lets its clients go:
    draining.py. 11 s at most.

    Exits with status 3 when the port cannot be had or the app does not start.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=ProblemHttpProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=10,
    )
    server = _Server(config, health)
    spare_what_is_loaded()
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)
