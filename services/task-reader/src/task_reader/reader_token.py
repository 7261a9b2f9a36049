"""Whom the reader answers: whoever reaches it, or, with READER_TOKEN, gateways alone, which have that secret too."""

from collections.abc import Callable
from hmac import compare_digest

from common.http.problems import INVALID_TOKEN, Problem
from fastapi import Request
from pydantic import SecretStr


def require_token(secret: SecretStr) -> Callable[[Request], None]:
    """A dependency that lets requests with the secret as bearer token pass; 401 for all others."""
    expected = f"Bearer {secret.get_secret_value()}".encode()

    def require(request: Request) -> None:
        given = request.headers.get("authorization", "").encode("latin-1")
        if not compare_digest(given, expected):  # takes as long wherever they begin to differ
            raise Problem(
                INVALID_TOKEN,
                "Only gateways are served: READER_TOKEN must be the same on both sides.",
                headers={"WWW-Authenticate": 'Bearer realm="task-reader"'},
            )

    return require
