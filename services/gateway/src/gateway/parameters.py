"""Rejects unknown query parameters: a request for a page or an order must not be answered with the whole list."""

import json
from urllib.parse import unquote_plus

from common.http.problems import UNKNOWN_PARAMETER, Problem
from starlette.requests import Request

MAX_SHOWN_CHARACTERS = 64  # of a parameter's name


def require_known_parameters(request: Request) -> None:
    """Raises a 400 problem for the first unknown query parameter; there are no known ones so far.

    A name that begins with an underscore, such as a cache buster, is ignored.
    """
    query: bytes = request.scope["query_string"]
    if not query:
        return
    for part in query.split(b"&"):
        name = unquote_plus(part.partition(b"=")[0].decode("latin-1"))
        if part and not name.startswith("_"):
            shown = json.dumps(name[:MAX_SHOWN_CHARACTERS])
            detail = f"Unknown query parameter {shown}. Only names that begin with _ are accepted, and ignored."
            raise Problem(UNKNOWN_PARAMETER, detail)
