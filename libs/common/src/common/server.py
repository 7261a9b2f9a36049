"""Runs a FastAPI app under uvicorn, with the errors of the HTTP parser as problem answers too."""

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common.problems import MALFORMED_REQUEST, MEDIA_TYPE, problem_bytes


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


def serve(app: FastAPI, *, host: str, port: int) -> None:
    """Serves until SIGINT or SIGTERM; then lets the requests in hand finish, 10 s at most."""
    uvicorn.run(
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
        timeout_graceful_shutdown=10,
    )
