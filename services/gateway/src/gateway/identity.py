"""Whose paths a request may use: those of the user whom its bearer token names (RFC 6750), when AUTH_MODE is jwt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.paths import path_uuid
from common.problems import INVALID_TOKEN, NO_TOKEN, TASK_NOT_FOUND, TOKENS_UNVERIFIABLE, Problem
from common.routing import Endpoint
from starlette.requests import Request
from starlette.responses import Response

from gateway.settings import IdentitySettings
from gateway.signing_keys import SigningKeysUnavailable, open_signing_keys
from gateway.tokens import InvalidToken, Rules, Tokens

SCHEME = b"bearer "
CHALLENGE = 'Bearer realm="taskwire"'


def for_owner(endpoint: Endpoint) -> Endpoint:
    """The endpoint for the user in its path alone.

    Without a valid token every request is 401, whatever its path. A valid one on another user's path is 404, as for a
    task that does not exist. Both are decided by path and token, without a look at any data, so they tell nothing.
    """

    async def guarded(request: Request) -> Response:
        caller = await _caller(request)
        if path_uuid(request, "user_id") != caller:
            raise Problem(TASK_NOT_FOUND, "The user has no task with this id.")
        return await endpoint(request)

    return guarded


async def _caller(request: Request) -> str:
    tokens: Tokens = request.app.state.tokens
    try:
        return await tokens.user_of(_token(request))
    except InvalidToken as error:
        challenge = f'{CHALLENGE}, error="invalid_token", error_description="{error}"'
        raise Problem(INVALID_TOKEN, f"{error}.", headers={"WWW-Authenticate": challenge}) from None
    except SigningKeysUnavailable:
        raise Problem(TOKENS_UNVERIFIABLE, "The issuer's signing keys cannot be had now. Nothing was done.") from None


def _token(request: Request) -> bytes:
    values = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(values) > 1:
        raise InvalidToken("The request has more than one Authorization header")
    if not values or values[0][: len(SCHEME)].lower() != SCHEME:
        detail = "Send a token in the header Authorization: Bearer <token>."
        raise Problem(NO_TOKEN, detail, headers={"WWW-Authenticate": CHALLENGE})
    token: bytes = values[0][len(SCHEME) :].strip(b" ")
    return token


@asynccontextmanager
async def open_tokens(settings: IdentitySettings) -> AsyncIterator[Tokens]:
    """Verifies tokens, usable at once: they are 503 until the issuer's keys are there. For AUTH_MODE jwt alone."""
    source = settings.auth_jwks_url or settings.auth_jwks_file
    assert source and settings.auth_issuer and settings.auth_audience  # noqa: S101, PT018 - the settings see to it
    async with open_signing_keys(source) as keys:
        yield Tokens(keys, Rules(settings.auth_issuer, settings.auth_audience, settings.auth_user_claim))
