"""FastAPI path operations whose parameters are resolved by a plan made once, at startup.

FastAPI resolves the parameters anew for each request, inside two exit stacks and a second exception handler: 27 to
40 µs, as much as the rest of the framework together. `LeanRoute` is a custom route class, FastAPI's own extension
point: FastAPI still reads and documents the declarations; here they become a list of steps.

It supports `Depends(...)` on functions, path parameters that are UUIDs (as objects or, with `UUID_FORMAT`, as text),
headers as `list[str] | None`, one body through `body_step`, all query parameters as one model through `query_step`, and
the request. Any other parameter is a TypeError at startup. Two things differ from FastAPI: parameters are resolved in
declaration order (the router's dependencies first), so that the order of checks is visible; and a dependency that is
not a coroutine function runs on the event loop, so it must not block.
"""

import inspect
from collections.abc import Awaitable, Callable, Hashable, Sequence
from operator import itemgetter
from typing import Any, Self, get_type_hints
from uuid import UUID

from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from common.http.paths import UUID_FORMAT, path_uuid

type Values = list[Any]
"""The request itself, then the value of each step so far."""

type Step = Callable[[Values], Any]
"""Computes the next value from the values so far."""

type Respond = Callable[[Request], Awaitable[Response]]

type Field = Any  # FastAPI's ModelField, which is not public

type Responses = dict[int | str, dict[str, Any]]

PLAIN = inspect.Parameter.POSITIONAL_OR_KEYWORD


class LeanRoute(APIRoute):
    """A path operation whose endpoint is a coroutine function that returns a Response. See the module's docstring."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._options = options
        plan = _Plan(self.body_step, self.query_step)
        answer, waits = plan.call(self.dependant)
        if not (waits and _returns_response(endpoint)):
            raise TypeError(f"{endpoint.__qualname__} is not a coroutine function that returns a Response")
        self.respond = _planned(tuple(plan.steps), answer)
        """Resolves the parameters of a request, and calls the endpoint."""
        self.app = _answering(self.respond)
        self.query_names = plan.query_names

    @property
    def body_media_type(self) -> str | None:
        """The media type of the body as it is declared, in `Body(media_type=...)`; None where there is no body."""
        return None if self.body_field is None else _media_type(self.body_field)

    def body_step(self, model: Any, media_type: str, *, required: bool) -> Callable[[Request], Awaitable[Any]]:
        """Returns a function that reads the body as `model`, or None when the body is optional and missing."""
        raise TypeError(f"{type(self).__name__} cannot read a body: {model}, {media_type}, required={required}")

    def query_step(self, model: Any) -> Callable[[Request], Any]:
        """Returns a function that reads the query parameters as `model`; it must not wait."""
        raise TypeError(f"{type(self).__name__} cannot read a query: {model}")

    def with_guards(self, guards: Sequence[Depends], responses: Responses) -> Self:
        """The same operation with dependencies that run before its own; `responses` replaces its documented
        responses."""
        dependencies = [*guards, *self._options.get("dependencies", ())]
        return self._copy(dependencies=dependencies, responses=responses)

    def as_head(self) -> Self:
        """The same operation for HEAD, undocumented: FastAPI, unlike Starlette, does not add HEAD to GET."""
        return self._copy(methods=["HEAD"], include_in_schema=False)

    def _copy(self, **options: Any) -> Self:
        return type(self)(self.path, self.endpoint, **self._options | options)


class _Plan:
    """The steps in execution order; a value needed twice is computed once."""

    def __init__(
        self,
        body_step: Callable[..., Callable[[Request], Awaitable[Any]]],
        query_step: Callable[[Any], Callable[[Request], Any]],
    ) -> None:
        self.steps: list[tuple[Step, bool]] = []
        self.query_names: tuple[str, ...] = ()
        self._body_step = body_step
        self._query_step = query_step
        self._indexes: dict[Hashable, int] = {}
        self._wanted: set[bytes] = set()  # the headers of all parameters, found in one pass

    def call(self, dependant: Dependant) -> tuple[Step, bool]:
        """A step that calls the function with the values of earlier steps, and whether its result must be awaited."""
        function = dependant.call
        assert function is not None  # noqa: S101 - FastAPI sets it for every function
        for guard in dependant.dependencies:
            if guard.name is None:
                self._dependency(guard)
        indexes = [self._argument(dependant, one) for one in inspect.signature(function).parameters.values()]
        return _call_step(function, indexes), _is_coroutine(function)

    def _argument(self, dependant: Dependant, parameter: inspect.Parameter) -> int:
        """The index of the argument's value. Raises TypeError for a parameter that only FastAPI could resolve."""
        kinds: tuple[tuple[Sequence[Any], Callable[[Any], int]], ...] = (
            (dependant.path_params, self._path),
            (dependant.header_params, self._header),
            (dependant.query_params, self._query),
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
        name, info = field.alias, field.field_info
        if info.annotation is UUID:
            return self._add(("path", name, UUID), lambda values: UUID(path_uuid(values[0], name)))
        if info.annotation is str and info.json_schema_extra == UUID_FORMAT:
            return self._add(("path", name, str), lambda values: path_uuid(values[0], name))
        raise TypeError(f"a lean route supports only UUIDs as path parameters: {name}")

    def _header(self, field: Field) -> int:
        name = field.alias
        if field.field_info.annotation != list[str] | None:
            raise TypeError(f"a lean route supports headers only as list[str] | None: {name}")
        sent = name.lower().encode("latin-1")
        self._wanted.add(sent)
        wanted = self._wanted
        found = self._add("headers", lambda values: [one for one in values[0].scope["headers"] if one[0] in wanted])
        return self._add(("header", name), _header_values(sent, found))

    def _query(self, field: Field) -> int:
        model = field.field_info.annotation
        if "query" in self._indexes or not (inspect.isclass(model) and issubclass(model, BaseModel)):
            raise TypeError(f"a lean route supports query parameters only as one model: {field.name}")
        read = self._query_step(model)
        self.query_names = tuple(one.alias or name for name, one in model.model_fields.items())
        return self._add("query", lambda values: read(values[0]))

    def _body(self, field: Field) -> int:
        if "body" in self._indexes or field.field_info.embed:
            raise TypeError(f"a lean route supports one body, not embedded: {field.name}")
        info = field.field_info
        read = self._body_step(info.annotation, _media_type(field), required=info.is_required())
        return self._add("body", lambda values: read(values[0]), waits=True)

    def _dependency(self, dependant: Dependant) -> int:
        if dependant.call in self._indexes:
            return self._indexes[dependant.call]
        if inspect.isgeneratorfunction(dependant.call) or inspect.isasyncgenfunction(dependant.call):
            raise TypeError(f"a lean route cannot close {dependant.call}")
        step, waits = self.call(dependant)
        return self._add(dependant.call, step, waits=waits)

    def _add(self, key: Hashable, step: Step, *, waits: bool = False) -> int:
        if key not in self._indexes:
            self.steps.append((step, waits))
            self._indexes[key] = len(self.steps)  # index 0 is the request
        return self._indexes[key]


def _planned(steps: Sequence[tuple[Step, bool]], answer: Step) -> Respond:
    """The plan as one function."""

    async def respond(request: Request) -> Response:
        values: Values = [request]
        for step, waits in steps:
            value = step(values)
            values.append(await value if waits else value)
        response: Response = await answer(values)
        return response

    return respond


def _answering(respond: Respond) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await respond(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


def _call_step(function: Callable[..., Any], indexes: Sequence[int]) -> Step:
    """A step that calls the function with the values at these indexes."""
    match indexes:
        case []:
            return lambda _: function()
        case [index]:
            return lambda values: function(values[index])
        case _:
            arguments = itemgetter(*indexes)
            return lambda values: function(*arguments(values))


def _header_values(sent: bytes, found: int) -> Step:
    """A step that returns all values of a header, or None, from those at index `found`; Starlette's Headers would cost
    2 µs."""

    def values_of(values: Values) -> list[str] | None:
        return [value.decode("latin-1") for key, value in values[found] if key == sent] or None

    return values_of


def _media_type(body: Field) -> str:
    return str(getattr(body.field_info, "media_type", "application/json"))


def _is_coroutine(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _returns_response(function: Callable[..., Any]) -> bool:
    returned = get_type_hints(function).get("return")
    return isinstance(returned, type) and issubclass(returned, Response)
