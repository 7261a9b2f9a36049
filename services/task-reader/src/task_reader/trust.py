"""Whom the reader answers: whoever reaches it, or, with READER_TOKEN, gateways alone, which have that secret too."""

from hmac import compare_digest

from common.problems import INVALID_TOKEN, Problem
from common.routing import Endpoint
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response


def for_holders(endpoint: Endpoint, secret: SecretStr | None) -> Endpoint:
    """The endpoint for requests with the secret as bearer token; 401 for all others. Without a secret, for all."""
    if secret is None:
        return endpoint
    expected = f"Bearer {secret.get_secret_value()}".encode()

    async def guarded(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode("latin-1")
        if not compare_digest(given, expected):  # takes as long wherever they begin to differ
            raise Problem(
                INVALID_TOKEN,
                "Only gateways are served: READER_TOKEN must be the same on both sides.",
                headers={"WWW-Authenticate": 'Bearer realm="task-reader"'},
            )
        return await endpoint(request)

    return guarded
