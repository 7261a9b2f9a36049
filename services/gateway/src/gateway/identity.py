"""Authorization with AUTH_MODE=jwt: a bearer token (RFC 6750) gives access to the paths of its user."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from common.http.problems import INVALID_TOKEN, NO_TOKEN, TASK_NOT_FOUND, TOKENS_UNVERIFIABLE, Problem
from common.http.request_state import state_of
from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from gateway.ids import UserId
from gateway.settings import IdentitySettings
from gateway.signing_keys import SigningKeysUnavailable, open_signing_keys
from gateway.tokens import InvalidToken, Rules, Tokens

SCHEME = b"bearer "
CHALLENGE = 'Bearer realm="taskwire"'


class BearerToken(SecurityBase):
    """The request's bearer token, unverified. Raises a 401 problem when it is missing."""

    model = HTTPBearer(bearerFormat="JWT", description="A token of the path's user")
    scheme_name = "bearer"

    def __call__(self, request: Request) -> bytes:
        values = [value for name, value in request.scope["headers"] if name == b"authorization"]
        if len(values) > 1:
            raise _not_valid("The request has more than one Authorization header")
        if not values or values[0][: len(SCHEME)].lower() != SCHEME:
            detail = "Send a token in the header Authorization: Bearer <token>."
            raise Problem(NO_TOKEN, detail, headers={"WWW-Authenticate": CHALLENGE})
        token: bytes = values[0][len(SCHEME) :].strip(b" ")
        return token


async def caller_of(token: Annotated[bytes, Depends(BearerToken())], request: Request) -> str:
    """The id of the token's user, in lower case. Raises a problem: 401, or 503 when the token cannot be verified
    now."""
    tokens: Tokens = request.app.state.tokens
    try:
        user_id, state_of(request.scope).valid_until = await tokens.bearer_of(token)
    except InvalidToken as error:
        raise _not_valid(str(error)) from None
    except SigningKeysUnavailable:
        raise Problem(TOKENS_UNVERIFIABLE, "The issuer's signing keys are not available. Nothing was done.") from None
    return user_id


async def require_owner(caller: Annotated[str, Depends(caller_of)], user_id: UserId) -> None:
    """Allows only the user in the path.

    Without a valid token every request is 401, whatever its path. A valid token on another user's path is 404, as for a
    task that does not exist. Both are decided from path and token alone, so they reveal nothing about the data.
    """
    if user_id != caller:
        raise Problem(TASK_NOT_FOUND, "The user has no task with this id.")


def _not_valid(reason: str) -> Problem:
    challenge = f'{CHALLENGE}, error="invalid_token", error_description="{reason}"'
    return Problem(INVALID_TOKEN, f"{reason}.", headers={"WWW-Authenticate": challenge})


@asynccontextmanager
async def open_tokens(settings: IdentitySettings) -> AsyncIterator[Tokens]:
    """The token verifier, usable immediately: 503 until the issuer's keys are loaded. Only for AUTH_MODE=jwt."""
    source = settings.auth_jwks_url or settings.auth_jwks_file
    assert source and settings.auth_issuer and settings.auth_audience  # noqa: S101, PT018 - checked by the settings
    async with open_signing_keys(source) as keys:
        yield Tokens(keys, Rules(settings.auth_issuer, settings.auth_audience, settings.auth_user_claim))
