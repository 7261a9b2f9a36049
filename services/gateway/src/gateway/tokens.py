"""Verifies bearer tokens: JSON Web Tokens (RFC 7519), checked as RFC 8725 recommends.

PyJWT and cryptography do the cryptography. Verified tokens are cached until they expire, so that a client's next
request costs a look-up instead of a signature check.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import jwt
from common.http.paths import uuid_text
from jwt import PyJWK

from gateway.signing_keys import ALGORITHMS, SigningKeys, UnknownSigningKey

MAX_TOKEN_BYTES = 8192
MAX_REMEMBERED = 16_384  # about 3 MB
CLOCK_SKEW_S = 30

_REASONS: Mapping[type[Exception], str] = {
    jwt.ExpiredSignatureError: "The token has expired",
    jwt.ImmatureSignatureError: "The token is not valid yet",
    jwt.InvalidAudienceError: "The token is meant for another audience",
    jwt.InvalidIssuerError: "The token is from another issuer",
    jwt.MissingRequiredClaimError: "The token lacks a claim",
}
"""Shown only for tokens with a valid signature, which is verified first."""


class InvalidToken(Exception):
    """The token is not valid; the text says why, is safe to show to clients, and uses only the characters that RFC
    6750, section 3, allows in an error_description: visible ASCII and spaces, without `"` and `\\`."""


@dataclass(frozen=True)
class Rules:
    """The required claims of a token, and the claim that holds its user."""

    issuer: str
    audience: str
    user_claim: str


class Tokens:
    """Verifies tokens, and caches the last MAX_REMEMBERED of them by digest."""

    def __init__(self, keys: SigningKeys, rules: Rules) -> None:
        self._keys = keys
        self._rules = rules
        self._remembered: dict[bytes, tuple[str, float]] = {}  # user and expiry; oldest first
        self._remembered_for = keys.current

    async def user_of(self, token: bytes) -> str:
        """The id of the token's user, in lower case. Raises InvalidToken, or SigningKeysUnavailable."""
        return (await self.bearer_of(token))[0]

    async def bearer_of(self, token: bytes) -> tuple[str, float]:
        """The id of the token's user, and when the token expires, in seconds since 1970. Raises as `user_of`."""
        if len(token) > MAX_TOKEN_BYTES:
            raise InvalidToken(f"The token has more than {MAX_TOKEN_BYTES} bytes")
        self._forget_if_keys_changed()
        digest = blake2b(token, digest_size=32).digest()
        bearer = self._remembered.get(digest)
        if bearer is not None and bearer[1] > time.time():
            return bearer
        return await self._verify(token, digest)

    async def _verify(self, token: bytes, digest: bytes) -> tuple[str, float]:
        try:
            claims = await self._claims(token)
        except UnknownSigningKey:
            raise InvalidToken("The token is signed with a key that its issuer does not have") from None
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise InvalidToken(_REASONS.get(type(error), "The token is malformed, or its signature is wrong")) from None
        user_id = uuid_text(str(claims[self._rules.user_claim]))
        if user_id is None:
            raise InvalidToken(f"The token's claim {self._rules.user_claim} is not a user's UUID")
        bearer = (user_id, float(int(claims["exp"]) + CLOCK_SKEW_S))
        self._remember(digest, bearer)
        return bearer

    async def _claims(self, token: bytes) -> dict[str, Any]:
        """The token's header selects the candidate keys, but not how they verify."""
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        *others, last = await self._keys.find(header.get("kid"), algorithm)
        for key in others:
            with suppress(jwt.InvalidSignatureError):
                return _verified_claims(token, key, self._rules)
        return _verified_claims(token, last, self._rules)

    def _forget_if_keys_changed(self) -> None:
        """Clears the cache when the keys have changed: one may have been withdrawn."""
        if self._remembered_for is not self._keys.current:
            self._remembered.clear()
            self._remembered_for = self._keys.current

    def _remember(self, digest: bytes, bearer: tuple[str, float]) -> None:
        self._forget_if_keys_changed()
        self._remembered.pop(digest, None)
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = bearer


def _verified_claims(token: bytes, key: PyJWK, rules: Rules) -> dict[str, Any]:
    """The key determines the algorithm, and the token must use the same. Raises PyJWT's errors."""
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[key.algorithm_name],
        issuer=rules.issuer,
        audience=rules.audience,
        leeway=CLOCK_SKEW_S,
        options={"require": ["exp", "iss", "aud", rules.user_claim], "enforce_minimum_key_length": True},
    )
    return claims
