"""The admin port for probes, Prometheus and operators: separate from the clients' port, and off by default.

It is a second uvicorn server in the service's event loop, without signal handling.
"""

import json
import logging
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from prometheus_client import REGISTRY, Gauge
from prometheus_client.exposition import choose_encoder

from common.http_server.protocol import HttpLimits
from common.http_server.serving import server_config, started
from common.observability.health import Health
from common.settings import AdminSettings

log = logging.getLogger(__name__)

METRICS = "/metrics"
MAX_CONNECTIONS = 64
STOP_WITHIN_S = 1


@dataclass(frozen=True)
class AdminAnswer:
    """A response of the admin port."""

    body: bytes
    media_type: str = "text/plain; charset=utf-8"
    status: int = 200


BUILD = Gauge("taskwire_build_info", "Always 1; the labels hold the service and its version", ["service", "version"])
COMPONENT_UP = Gauge(
    "taskwire_component_up", "1 while the dependency is up, 0 while it is down, NaN before its first use", ["component"]
)

type AdminRoutes = Mapping[str, Callable[[], Awaitable[AdminAnswer]]]
"""The handler of each path."""


class AdminPortUnusable(SystemExit):
    """The service cannot listen where ADMIN_PORT says: the process ends with this message and status 1."""


@asynccontextmanager
async def open_admin(settings: AdminSettings, health: Health, more: AdminRoutes | None = None) -> AsyncIterator[None]:
    """Serves /livez, /readyz, /metrics and `more` while it is open. Does nothing without ADMIN_PORT."""
    if settings.admin_port is None:
        yield
        return
    BUILD.labels(health.service, version(health.service)).set(1)
    listening = _listen(settings.admin_host, settings.admin_port)
    log.info("the admin port listens on %s:%d", *listening.getsockname()[:2])
    config = server_config(
        _app(health, _routes(health) | dict(more or {})),
        HttpLimits(connections=MAX_CONNECTIONS, requests=MAX_CONNECTIONS),
        lifespan="off",
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    async with started(config, [listening]):
        yield


def _routes(health: Health) -> dict[str, Callable[[], Awaitable[AdminAnswer]]]:
    async def live() -> AdminAnswer:
        return AdminAnswer(b"ok\n")

    async def ready() -> AdminAnswer:
        is_ready, components = await health.look()
        answer: dict[str, object] = {"ready": is_ready, "components": components}
        if reasons := health.reasons():
            answer["reasons"] = reasons
        body = json.dumps(answer).encode() + b"\n"
        return AdminAnswer(body, "application/json", 200 if is_ready else 503)

    return {"/livez": live, "/readyz": ready}


def _metrics(health: Health, accept: str) -> AdminAnswer:
    """In the format that is asked for. Prometheus asks for OpenMetrics, which alone has exemplars."""
    for name, component in health.components.items():
        COMPONENT_UP.labels(name).set({"up": 1.0, "down": 0.0, "unknown": math.nan}[component.state])
    encode, media_type = choose_encoder(accept)
    return AdminAnswer(encode(REGISTRY), media_type)


def _accepted(scope: Mapping[str, Any]) -> str:
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"accept")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise AdminPortUnusable(
            f"The admin port {port} on {host} cannot be used ({error.strerror}): set ADMIN_PORT to a free one."
        ) from None


def _app(health: Health, routes: AdminRoutes) -> Callable[..., Awaitable[None]]:
    """A plain ASGI app: the task-writer has no web framework."""
    known = sorted({*routes, METRICS})

    async def answer(
        scope: Mapping[str, Any],
        _receive: object,
        send: Callable[[Mapping[str, object]], Awaitable[None]],
    ) -> None:
        path = str(scope["path"])
        if path not in known:
            response = AdminAnswer(f"Not found. Try {', '.join(known)}.\n".encode(), status=404)
        elif scope["method"] == "OPTIONS":
            response = AdminAnswer(b"", status=204)
        elif scope["method"] not in {"GET", "HEAD"}:
            response = AdminAnswer(b"The admin port supports only GET and HEAD.\n", status=405)
        elif path == METRICS:
            response = _metrics(health, _accepted(scope))
        else:
            response = await routes[path]()
        headers = [(b"cache-control", b"no-store")]
        if response.status in {204, 405}:
            headers.append((b"allow", b"GET, HEAD, OPTIONS"))
        if response.status != 204:  # noqa: PLR2004 - 204 has no body
            length = str(len(response.body)).encode()
            headers += [(b"content-type", response.media_type.encode()), (b"content-length", length)]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    return answer
