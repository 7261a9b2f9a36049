"""The route class of the path operations."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from common.http.lean_route import LeanRoute
from common.http.request_body import LargeBodies
from fastapi import Request
from pydantic import BaseModel

from gateway.batch_bodies import MAX_BATCH_BYTES, MAX_LARGE_BODIES, BatchBody
from gateway.bodies import MAX_BODY_BYTES, ReplacementBody, read_json, read_large_json, read_optional_json
from gateway.parameters import QueryParameters, query_reader


class TaskRoute(LeanRoute):
    """A lean route that reads JSON within the gateway's limits, and queries strictly.

    The first line of the endpoint's docstring is the operation's summary, the rest its description; the function's name
    is the operation id.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        summary, _, description = inspect.cleandoc(endpoint.__doc__ or "").partition("\n\n")
        options |= {"summary": summary.rstrip("."), "operation_id": endpoint.__name__}
        super().__init__(path, endpoint, **options)
        self.description = description.replace("\n", " ")

    def body_step(
        self, model: type[BaseModel], media_type: str, *, required: bool
    ) -> Callable[[Request], Awaitable[Any]]:
        """Reads the body with gateway/bodies.py. A missing optional body counts as an empty object."""
        if not required:
            return _optional_reader(model, media_type)
        if issubclass(model, BatchBody):
            return _large_reader(model)
        ids_of = _path_ids if issubclass(model, ReplacementBody) else _no_ids

        def read(request: Request) -> Awaitable[BaseModel]:
            return read_json(request, model, ids_of(request), media_type=media_type)

        return read

    def query_step(self, model: type[BaseModel]) -> Callable[[Request], Any]:
        """Reads the query with gateway/parameters.py."""
        return query_reader(model) if issubclass(model, QueryParameters) else super().query_step(model)


def _large_reader(model: type[BatchBody]) -> Callable[[Request], Awaitable[BatchBody]]:
    large = LargeBodies(max_bytes=MAX_BATCH_BYTES, ordinary_bytes=MAX_BODY_BYTES, places=MAX_LARGE_BODIES)

    def read(request: Request) -> Awaitable[BatchBody]:
        return read_large_json(request, model, {"user_id": request.path_params["user_id"].lower()}, large)

    return read


def _optional_reader(model: type[BaseModel], media_type: str) -> Callable[[Request], Awaitable[BaseModel]]:
    nothing = model()

    async def read(request: Request) -> BaseModel:
        return await read_optional_json(request, model, media_type=media_type) or nothing

    return read


def _path_ids(request: Request) -> dict[str, str]:
    """The path's ids under the field names of ReplacementBody; already validated."""
    found = request.path_params
    return {"user_id": found["user_id"].lower(), "id": found["task_id"].lower()}


def _no_ids(_: Request) -> None:
    return None
