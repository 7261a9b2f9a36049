"""FastAPI's path operations, resolved by a plan that is made once, at the start.

FastAPI works the parameters out anew for each request, and opens two exit stacks and a second handler of exceptions
around them: 27 to 40 µs, as much as all else in the framework together. `LeanRoute` is FastAPI's own extension point, a
route class: FastAPI reads the declarations and documents them as ever, and here they become a list of steps.

What it knows is what it can serve at that cost: `Depends(...)` on functions, path parameters of type UUID, headers as
`list[str] | None`, one body through `body_step`, and the request. Any other parameter is a TypeError at the start.
Two things differ from FastAPI: parameters are resolved in the order in which they are declared (the router's
dependencies first), so that the order of checks can be read; and a dependency that is no coroutine runs on the event
loop, so it must not wait.
"""

import inspect
from collections.abc import Awaitable, Callable, Hashable, Sequence
from operator import itemgetter
from typing import Any, Self, get_type_hints
from uuid import UUID

from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from common.http.paths import path_uuid

type Values = list[Any]
"""Of one request: the request itself, then the value of each step."""

type Step = Callable[[Values], Any]
"""Makes the next value of those that are there."""

type Field = Any  # FastAPI's ModelField, which has no public name

type Responses = dict[int | str, dict[str, Any]]

PLAIN = inspect.Parameter.POSITIONAL_OR_KEYWORD


class LeanRoute(APIRoute):
    """A path operation whose endpoint is a coroutine that returns a Response. See the module."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._options = options
        plan = _Plan(self.body_step)
        answer, waits = plan.call(self.dependant)
        if not (waits and _returns_response(endpoint)):
            raise TypeError(f"{endpoint.__qualname__} is no coroutine that returns a Response")
        self.app = _planned(tuple(plan.steps), answer)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As FastAPI's route, without its looks for an including router, a root path and values that are no text: none
        is ever there, and several routes are tried for each request."""
        found = self.path_regex.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return Match.NONE, {}
        child_scope = {"route": self, "endpoint": self.endpoint, "path_params": found.groupdict()}
        return Match.FULL if scope["method"] in (self.methods or ()) else Match.PARTIAL, child_scope

    def body_step(self, model: Any, *, required: bool) -> Callable[[Request], Awaitable[Any]]:
        """What reads the body as `model`; without a body it gives None where none is required."""
        raise TypeError(f"{type(self).__name__} reads no body: {model}, required={required}")

    def behind(self, guards: Sequence[Depends], responses: Responses) -> Self:
        """The same operation behind dependencies that run before its own; `responses` are then all that it may give."""
        dependencies = [*guards, *self._options.get("dependencies", ())]
        return self._again(dependencies=dependencies, responses=responses)

    def for_head(self) -> Self:
        """The same operation for HEAD, undocumented: FastAPI, other than Starlette, has none beside GET."""
        return self._again(methods=["HEAD"], include_in_schema=False)

    def _again(self, **options: Any) -> Self:
        return type(self)(self.path, self.endpoint, **self._options | options)


class _Plan:
    """Steps in the order in which they run; what is wanted twice is made once."""

    def __init__(self, body_step: Callable[..., Callable[[Request], Awaitable[Any]]]) -> None:
        self.steps: list[tuple[Step, bool]] = []
        self._body_step = body_step
        self._places: dict[Hashable, int] = {}

    def call(self, dependant: Dependant) -> tuple[Step, bool]:
        """The call of a function, whose arguments are steps before it, and whether its value must be awaited."""
        function = dependant.call
        assert function is not None  # noqa: S101 - FastAPI leaves it out for no function
        for guard in dependant.dependencies:
            if guard.name is None:
                self._dependency(guard)
        places = [self._argument(dependant, one) for one in inspect.signature(function).parameters.values()]
        return _calling(function, places), _is_coroutine(function)

    def _argument(self, dependant: Dependant, parameter: inspect.Parameter) -> int:
        """The place of an argument's value. Raises TypeError for one that only FastAPI itself could resolve."""
        kinds: tuple[tuple[Sequence[Any], Callable[[Any], int]], ...] = (
            (dependant.path_params, self._path),
            (dependant.header_params, self._header),
            (dependant.body_params, self._body),
            (dependant.dependencies, self._dependency),
        )
        for of_kind, add in kinds:
            for one in of_kind:
                if one.name == parameter.name and parameter.kind is PLAIN:
                    return add(one)
        if parameter.name == dependant.request_param_name:
            return 0
        raise TypeError(f"a lean route cannot resolve {parameter} of {dependant.call}")

    def _path(self, field: Field) -> int:
        name = field.alias
        if field.field_info.annotation is not UUID:
            raise TypeError(f"a lean route takes UUIDs alone from a path: {name}")
        return self._add(("path", name), lambda values: UUID(path_uuid(values[0], name)))

    def _header(self, field: Field) -> int:
        name = field.alias
        if field.field_info.annotation != list[str] | None:
            raise TypeError(f"a lean route takes headers as list[str] | None: {name}")
        return self._add(("header", name), _header_values(name))

    def _body(self, field: Field) -> int:
        if "body" in self._places or field.field_info.embed:
            raise TypeError(f"a lean route takes one body, which is the whole: {field.name}")
        read = self._body_step(field.field_info.annotation, required=field.field_info.is_required())
        return self._add("body", lambda values: read(values[0]), waits=True)

    def _dependency(self, dependant: Dependant) -> int:
        if dependant.call in self._places:
            return self._places[dependant.call]
        if inspect.isgeneratorfunction(dependant.call) or inspect.isasyncgenfunction(dependant.call):
            raise TypeError(f"a lean route cannot close {dependant.call}")
        step, waits = self.call(dependant)
        return self._add(dependant.call, step, waits=waits)

    def _add(self, key: Hashable, step: Step, *, waits: bool = False) -> int:
        if key not in self._places:
            self.steps.append((step, waits))
            self._places[key] = len(self.steps)  # the request has place 0
        return self._places[key]


def _planned(steps: Sequence[tuple[Step, bool]], answer: Step) -> ASGIApp:
    """The plan as an ASGI app."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        values: Values = [Request(scope, receive, send)]
        for step, waits in steps:
            value = step(values)
            values.append(await value if waits else value)
        response = await answer(values)
        await response(scope, receive, send)

    return app


def _calling(function: Callable[..., Any], places: Sequence[int]) -> Step:
    """Calls the function with the values at these places."""
    match places:
        case []:
            return lambda _: function()
        case [place]:
            return lambda values: function(values[place])
        case _:
            arguments = itemgetter(*places)
            return lambda values: function(*arguments(values))


def _header_values(name: str) -> Step:
    """All values of a header, None where there is none; Starlette's Headers would cost 2 µs."""
    sent = name.lower().encode("latin-1")

    def values_of(values: Values) -> list[str] | None:
        return [value.decode("latin-1") for key, value in values[0].scope["headers"] if key == sent] or None

    return values_of


def _is_coroutine(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _returns_response(function: Callable[..., Any]) -> bool:
    returned = get_type_hints(function).get("return")
    return isinstance(returned, type) and issubclass(returned, Response)
