"""Who a bearer token speaks for: a JSON Web Token (RFC 7519), verified as RFC 8725 advises.

PyJWT and cryptography do the cryptography. A token that was verified is remembered until it expires, so that a client's
next request costs a look-up instead of a signature.
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
    jwt.InvalidIssuerError: "The token is of another issuer",
    jwt.MissingRequiredClaimError: "The token lacks a claim",
}
"""Only who has a token that the issuer has signed gets to hear these: the signature is verified first."""


class InvalidToken(Exception):
    """The token proves nothing; the text says why, in words that may be told to anyone, and in the characters that
    RFC 6750, section 3, has for an error_description: visible ASCII and spaces, without `"` and `\\`."""


@dataclass(frozen=True)
class Rules:
    """What a token must say, and where it names its user."""

    issuer: str
    audience: str
    user_claim: str


class Tokens:
    """Verifies tokens, and remembers the last MAX_REMEMBERED of them by their digest."""

    def __init__(self, keys: SigningKeys, rules: Rules) -> None:
        self._keys = keys
        self._rules = rules
        self._remembered: dict[bytes, tuple[str, float]] = {}  # the user, and until when; the oldest comes first
        self._remembered_under = keys.current

    async def user_of(self, token: bytes) -> str:
        """The id of the token's user, in lower case. Raises InvalidToken, or SigningKeysUnavailable."""
        if len(token) > MAX_TOKEN_BYTES:
            raise InvalidToken(f"The token has more than {MAX_TOKEN_BYTES} bytes")
        self._forget_what_other_keys_verified()
        digest = blake2b(token, digest_size=32).digest()
        user_id, good_until = self._remembered.get(digest, ("", 0.0))
        if good_until > time.time():
            return user_id
        return await self._verify(token, digest)

    async def _verify(self, token: bytes, digest: bytes) -> str:
        try:
            claims = await self._claims(token)
        except UnknownSigningKey:
            raise InvalidToken("The token is signed with a key that its issuer does not have") from None
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise InvalidToken(_REASONS.get(type(error), "The token is malformed, or its signature is wrong")) from None
        user_id = uuid_text(str(claims[self._rules.user_claim]))
        if user_id is None:
            raise InvalidToken(f"The token's claim {self._rules.user_claim} is no user's id")
        self._remember(digest, user_id, int(claims["exp"]) + CLOCK_SKEW_S)
        return user_id

    async def _claims(self, token: bytes) -> dict[str, Any]:
        """The token decides by its header which keys are tried, but not how they verify."""
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        *others, last = await self._keys.find(header.get("kid"), algorithm)
        for key in others:
            with suppress(jwt.InvalidSignatureError):
                return _verified_claims(token, key, self._rules)
        return _verified_claims(token, last, self._rules)

    def _forget_what_other_keys_verified(self) -> None:
        """One of them may have been withdrawn."""
        if self._remembered_under is not self._keys.current:
            self._remembered.clear()
            self._remembered_under = self._keys.current

    def _remember(self, digest: bytes, user_id: str, good_until: float) -> None:
        self._forget_what_other_keys_verified()
        self._remembered.pop(digest, None)
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = (user_id, good_until)


def _verified_claims(token: bytes, key: PyJWK, rules: Rules) -> dict[str, Any]:
    """The key decides the algorithm, and the token must name the same. Raises PyJWT's errors."""
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
