"""An app that assigns request ids, records metrics and logs every request, even one that never reaches its route."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http.lean_dispatch import LeanDispatch
from common.http.problem_answers import answer_with_problems
from common.http.request_ids import HEADER, request_id_of
from common.http.request_metrics import observe_request
from common.http.request_state import KEY, RequestState, state_of
from common.http_server.refusals import HeadersForOrigin, no_cors_headers
from common.observability.logs import MAX_IDS_IN_A_LINE, log_operation
from common.observability.tracing import describe_span, request_span, trace_id

type Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI would look for OpenTelemetry's providers on every request: 4 % of a write's CPU time in the gateway."""

_HEADER_BYTES = HEADER.lower().encode()


class App(FastAPI):
    """Wraps all middleware. Puts a RequestState into each request's scope, and logs it once the request is answered.

    `headers_for_origin` gives the CORS headers for answers that the server sends without the app.
    """

    headers_for_origin: HeadersForOrigin = staticmethod(no_cors_headers)

    def build_middleware_stack(self) -> ASGIApp:
        """The service's own middleware (CORS, rate limits), inside of it the lean routes, and inside of these FastAPI's
        stack, whose middleware does nothing for them but answer bugs."""
        added, self.user_middleware = self.user_middleware, []
        app: ASGIApp = LeanDispatch(super().build_middleware_stack(), of=self)
        self.user_middleware = added
        for middleware in reversed(added):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        began = perf_counter()
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        request_id = request_id_of(scope["headers"])
        scope[KEY] = state = RequestState(request_id)

        def sending(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((_HEADER_BYTES, request_id.encode()))
            return send(message)

        traced = request_span(scope["method"], scope["headers"])
        try:
            with traced as traceparent:
                state.traceparent = traceparent
                await super().__call__(scope, receive, sending)
                if traceparent is not None:
                    _describe_span(scope, status)
        finally:
            seconds = perf_counter() - began
            route = getattr(scope.get("route"), "path", None)
            observe_request(scope["method"], route, status, seconds, trace_id(state.traceparent))
            failed = status > HTTPStatus.INTERNAL_SERVER_ERROR  # a bug is logged separately
            log_operation("request", failed=failed, seconds=seconds, fields=lambda: _fields(scope, route, status))


def _describe_span(scope: Scope, status: int) -> None:
    route = getattr(scope.get("route"), "path", "none")
    attributes = {
        "http.request.method": scope["method"],
        "http.route": route,
        "http.response.status_code": status,
        "taskwire.request_id": state_of(scope).request_id,
    }
    describe_span(f"{scope['method']} {route}", attributes)


def _fields(scope: Scope, route: str | None, status: int) -> dict[str, Any]:
    state = state_of(scope)
    named = [one.request_id for one in state.operations][:MAX_IDS_IN_A_LINE]
    return {
        "request_id": state.request_id,
        "method": scope["method"],
        "route": route,
        "status": status,
        "reason": state.reason,
        "trace_id": trace_id(state.traceparent),
        "request_ids": named or None,
    }


def make_app(title: str, lifespan: Lifespan, **documented: Any) -> App:
    """An app without routes that answers every error with a problem. `documented` goes into its OpenAPI document."""
    plain: dict[str, Any] = {"redirect_slashes": False, "openapi_url": None, "telemetry": NO_TELEMETRY}
    app = App(title=title, lifespan=lifespan, **plain, **documented)
    answer_with_problems(app)
    return app
