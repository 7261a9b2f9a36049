"""The requests of the clients as HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from faults.history import LOST, UNREACHABLE, Request

PAGE_TASKS = 4  # on a page

type Answer = tuple[int | None, Any, str | None, httpx.Headers]
"""Status, body, failure and headers."""


type Ask = Callable[[str, Request], Awaitable[Answer]]
"""Sends a request to the gateway at an address, and returns what came of it."""


async def ask_as_user(http: httpx.AsyncClient, user_id: str, gateway_url: str, request: Request) -> Answer:
    """What came of the request. httpx repeats nothing by itself."""
    method = _METHODS.get(request.verb, "GET")
    try:
        answer = await http.request(
            method,
            f"{gateway_url}/api/{user_id}{_path(request)}",
            json=_body(request),
            headers=_headers(request),
            params=_query(request),
        )
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        return None, None, UNREACHABLE, httpx.Headers()
    except httpx.TransportError:
        return None, None, LOST, httpx.Headers()
    return answer.status_code, _content(request, answer), None, answer.headers


_METHODS = {
    "create": "POST", "replace": "PUT", "patch": "PATCH", "flip": "PATCH", "set": "PATCH", "delete": "DELETE",
    "batch": "POST",
}  # fmt: skip


def _content(request: Request, answer: httpx.Response) -> Any:
    try:
        content = answer.json() if answer.content else None
    except ValueError:
        content = answer.text
    if answer.is_error:
        return content.get("type") if isinstance(content, dict) else content
    if request.verb == "page":
        url = answer.links.get("next", {}).get("url")
        return {"tasks": content, "next": httpx.URL(url).params["cursor"] if url else None}
    return content


def _path(request: Request) -> str:
    match request.verb:
        case "sync":
            return "/changes"
        case "batch":
            return "/batch"
        case "flip" | "set":
            return f"/tasks/{request.task_id}/complete"
        case _:
            return "/tasks" if request.task_id is None else f"/tasks/{request.task_id}"


def _query(request: Request) -> dict[str, Any]:
    if request.verb == "page":
        return {"limit": PAGE_TASKS} | ({} if request.cursor is None else {"cursor": request.cursor})
    return {} if request.since is None else {"since": request.since}


def _headers(request: Request) -> dict[str, str]:
    patch = "application/merge-patch+json" if request.verb == "patch" else None
    key = f'"{request.key}"' if request.key else None
    named = {
        "Content-Type": patch, "Idempotency-Key": key, "If-Match": request.if_match,
        "If-None-Match": request.if_none_match,
    }  # fmt: skip
    return {name: value for name, value in named.items() if value is not None}


def _fields(request: Request) -> dict[str, Any]:
    """What a write sets, by name."""
    fields = {
        "title": request.title, "description": request.description, "is_completed": request.is_completed,
    }  # fmt: skip
    match request.verb:
        case "create" | "replace":
            return fields
        case "patch":
            return {name: fields[name] for name in request.changed}
        case "set":
            return {"is_completed": request.is_completed}
        case _:
            return {}


def _body(request: Request) -> Any:
    match request.verb:
        case "batch":
            return {"operations": [_operation(one) for one in request.operations]}
        case "create" | "replace" | "patch" | "set":
            return _fields(request)
        case _:
            return None


def _operation(request: Request) -> dict[str, Any]:
    verb = "complete" if request.verb in {"flip", "set"} else request.verb
    named = {"op": verb, "id": request.task_id, "if_match": request.if_match}
    return {name: value for name, value in named.items() if value is not None} | _fields(request)
