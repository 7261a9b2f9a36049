"""Makes an app's routes from a router: with the app's guards, and with HEAD for every GET.

FastAPI's `include_router` could add the guards. Since 0.130 it wraps each route in another one, which costs time on
every request; so the routes themselves are copied here, once.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.params import Depends
from starlette.routing import BaseRoute

from common.http.lean_route import LeanRoute, Responses

NO_RESPONSES: Responses = {}


def path_operations(
    router: APIRouter, guards: Sequence[Depends] = (), responses: Responses = NO_RESPONSES
) -> list[BaseRoute]:
    """The router's lean routes with guards that run first and may answer with `responses`."""
    routes = [route for route in router.routes if isinstance(route, LeanRoute)]
    guarded = [route.with_guards(guards, merged(route.responses, responses)) for route in routes]
    return [*guarded, *(route.as_head() for route in guarded if "GET" in (route.methods or ()))]


def merged(one: Responses, other: Responses) -> Responses:
    """The union of both; where they share a status, descriptions, headers and examples are merged."""
    return {status: _merged(one.get(status, {}), other.get(status, {})) for status in sorted({*one, *other}, key=int)}


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    result = one | other
    for name in one.keys() & other.keys():
        if isinstance(one[name], dict):
            result[name] = _merged(one[name], other[name])
        elif name == "description" and one[name] != other[name]:
            result[name] = "; ".join(dict.fromkeys([*one[name].split("; "), *other[name].split("; ")]))
    return result
