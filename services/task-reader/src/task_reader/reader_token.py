"""Authenticates gateways with the shared secret READER_TOKEN; without it, anyone who can reach the reader is served."""

from collections.abc import Callable
from hmac import compare_digest

from common.http.problems import INVALID_TOKEN, Problem
from fastapi import Request
from pydantic import SecretStr


def require_token(secret: SecretStr) -> Callable[[Request], None]:
    """A dependency that requires the secret as bearer token; otherwise 401."""
    expected = f"Bearer {secret.get_secret_value()}".encode()

    def require(request: Request) -> None:
        given = request.headers.get("authorization", "").encode("latin-1")
        if not compare_digest(given, expected):  # constant time
            raise Problem(
                INVALID_TOKEN,
                "READER_TOKEN must be the same in the gateway and the task-reader.",
                headers={"WWW-Authenticate": 'Bearer realm="task-reader"'},
            )

    return require
