"""Query parameters: read strictly, because a request for a page or an order must not be answered with something else.

A name that begins with an underscore, such as that of a cache buster, is the client's own and is ignored.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar
from urllib.parse import quote, unquote_to_bytes, urlencode

from common.http.problems import INVALID_PARAMETER, UNKNOWN_PARAMETER, Problem
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request

MAX_SHOWN_CHARACTERS = 64  # of a parameter's name

Absent = SkipJsonSchema[None]
"""The value of a parameter that is not given; null is no value of a query."""


class QueryParameters(BaseModel):
    """The query parameters of one operation, none of them required."""

    model_config = ConfigDict(frozen=True)

    ALLOWED: ClassVar[Mapping[str, str]]
    """What each parameter may be, for the problem that refuses another value."""


def query_reader[Model: QueryParameters](model: type[Model]) -> Callable[[Request], Model]:
    """Returns a function that reads a request's parameters as `model`. It raises a 400 problem that names the first bad
    one and says what it may be."""
    nothing = model()

    def read(request: Request) -> Model:
        if not request.scope["query_string"]:
            return nothing
        try:
            return model.model_validate(given_parameters(request))
        except ValidationError as error:
            name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
            raise invalid(name, model.ALLOWED[name]) from None

    return read


def require_known_parameters(request: Request) -> None:
    """Raises a 400 problem for the first query parameter that the operation does not have."""
    if not request.scope["query_string"]:
        return
    known: tuple[str, ...] = getattr(request.scope.get("route"), "query_names", ())  # of a LeanRoute
    for encoded, _ in _pairs(request):
        name = encoded.decode(errors="replace")
        if name not in known and not name.startswith("_"):
            raise Problem(UNKNOWN_PARAMETER, _unknown(name, known))


def given_parameters(request: Request) -> dict[str, str]:
    """The known parameters, by name. Raises a 400 problem for one that is repeated or not UTF-8."""
    given: dict[str, str] = {}
    for encoded, value in _pairs(request):
        if encoded.startswith(b"_"):
            continue
        name = encoded.decode()
        if name in given:
            raise invalid(name, "given only once")
        try:
            given[name] = value.decode()
        except UnicodeDecodeError:
            raise invalid(name, "percent-encoded UTF-8") from None
    return given


def query_with(request: Request, name: str, value: str) -> str:
    """The request's query with this parameter set; all others, the client's own too, are as they were."""
    others = [pair for pair in _pairs(request) if pair[0] != name.encode()]
    return urlencode([*others, (name.encode(), value.encode())], quote_via=quote)


def invalid(name: str, allowed: str) -> Problem:
    """The 400 problem of a parameter that is not what it must be."""
    return Problem(INVALID_PARAMETER, f'The query parameter "{name}" must be {allowed}.')


def _pairs(request: Request) -> Iterator[tuple[bytes, bytes]]:
    """Names and values, decoded as forms are encoded: `+` is a space."""
    query: bytes = request.scope["query_string"]
    for part in query.replace(b"+", b" ").split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            yield unquote_to_bytes(name), unquote_to_bytes(value)


def _unknown(name: str, known: tuple[str, ...]) -> str:
    shown = json.dumps(name[:MAX_SHOWN_CHARACTERS])
    if not known:
        return f"Unknown query parameter {shown}. Only names that begin with _ are accepted, and ignored."
    return f"Unknown query parameter {shown}. Known are {', '.join(known)}; names that begin with _ are ignored."
