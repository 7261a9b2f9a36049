"""The admin port: for probes, Prometheus and operators, apart from the port that clients use, and off unless asked for.

It is a server of its own in the service's event loop, which leaves the signals to the service.
"""

import json
import logging
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from common.http_server.protocol import HttpLimits, with_limits
from common.observability.health import Health
from common.settings import AdminSettings

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
STOP_WITHIN_S = 1


@dataclass(frozen=True)
class Page:
    """One answer of the admin port."""

    body: bytes
    media_type: str = "text/plain; charset=utf-8"
    status: int = 200


BUILD = Gauge(
    "taskwire_build_info", "Always 1; the labels say which service of which version this is", ["service", "version"]
)
PART_UP = Gauge(
    "taskwire_part_up", "1 while the part works, 0 while it does not, NaN while it was not used yet", ["part"]
)

type Pages = Mapping[str, Callable[[], Awaitable[Page]]]
"""What is shown at each path."""


class AdminPortUnusable(SystemExit):
    """The service cannot listen where ADMIN_PORT says: the process ends with this message and status 1."""


@asynccontextmanager
async def open_admin(settings: AdminSettings, health: Health, more: Pages | None = None) -> AsyncIterator[None]:
    """Serves /livez, /readyz, /metrics and `more` while it is open. Does nothing when the settings name no port."""
    if settings.admin_port is None:
        yield
        return
    BUILD.labels(health.service, version(health.service)).set(1)
    listening = _listen(settings.admin_host, settings.admin_port)
    log.info("the admin port is %s:%d", *listening.getsockname()[:2])
    server = _server(_pages(health) | dict(more or {}))
    await server.startup(sockets=[listening])
    try:
        yield
    finally:
        await server.shutdown(sockets=[listening])


def _pages(health: Health) -> dict[str, Callable[[], Awaitable[Page]]]:
    async def live() -> Page:
        return Page(b"ok\n")

    async def ready() -> Page:
        is_ready, parts = await health.look()
        told: dict[str, object] = {"ready": is_ready, "parts": parts}
        if reasons := health.reasons():
            told["reasons"] = reasons
        body = json.dumps(told).encode() + b"\n"
        return Page(body, "application/json", 200 if is_ready else 503)

    async def metrics() -> Page:
        for name, part in health.parts.items():
            PART_UP.labels(name).set({"up": 1.0, "down": 0.0, "unknown": math.nan}[part.state])
        return Page(generate_latest(), CONTENT_TYPE_LATEST)

    return {"/livez": live, "/readyz": ready, "/metrics": metrics}


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise AdminPortUnusable(
            f"The admin port {port} on {host} cannot be used ({error.strerror}): set ADMIN_PORT to a free one."
        ) from None


def _server(pages: Pages) -> uvicorn.Server:
    """Not run but only started: its loop would do nothing but look for a signal, ten times a second."""
    config = uvicorn.Config(
        _app(pages),
        http=with_limits(HttpLimits(connections=MAX_CONNECTIONS, requests=MAX_CONNECTIONS)),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    return server


def _app(pages: Pages) -> Callable[..., Awaitable[None]]:
    """A bare ASGI app: the task-writer has no web framework."""

    async def answer(
        scope: Mapping[str, object],
        _receive: object,
        send: Callable[[Mapping[str, object]], Awaitable[None]],
    ) -> None:
        make = pages.get(str(scope["path"]))
        if make is None:
            page = Page(f"There is nothing here. Try {', '.join(sorted(pages))}.\n".encode(), status=404)
        elif scope["method"] == "OPTIONS":
            page = Page(b"", status=204)
        elif scope["method"] not in {"GET", "HEAD"}:
            page = Page(b"The admin port answers GET and HEAD alone.\n", status=405)
        else:
            page = await make()
        headers = [(b"cache-control", b"no-store")]
        if page.status in {204, 405}:
            headers.append((b"allow", b"GET, HEAD, OPTIONS"))
        if page.status != 204:  # noqa: PLR2004 - which has no body
            length = str(len(page.body)).encode()
            headers += [(b"content-type", page.media_type.encode()), (b"content-length", length)]
        await send({"type": "http.response.start", "status": page.status, "headers": headers})
        await send({"type": "http.response.body", "body": page.body})

    return answer
