"""Query parameters: a request for a part or an order of the tasks must not be answered as if it had asked for all."""

import json
from urllib.parse import unquote_plus

from common.http.problems import UNKNOWN_PARAMETER, Problem
from starlette.requests import Request

MAX_SHOWN_CHARACTERS = 64  # of a parameter's name


def require_known_parameters(request: Request) -> None:
    """Raises a 400 problem that names the first query parameter that is not known. None is, so far.

    A name that begins with an underscore is the client's own, such as one against caches, and is ignored.
    """
    query: bytes = request.scope["query_string"]
    if not query:
        return
    for part in query.split(b"&"):
        name = unquote_plus(part.partition(b"=")[0].decode("latin-1"))
        if part and not name.startswith("_"):
            shown = json.dumps(name[:MAX_SHOWN_CHARACTERS])
            detail = f"The parameter {shown} is not known here; this address takes none but names that begin with _."
            raise Problem(UNKNOWN_PARAMETER, detail)
