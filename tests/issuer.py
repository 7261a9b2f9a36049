"""An issuer of tokens: its keys, what it publishes, and the tokens that it or an attacker makes."""

import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from common.http.app import make_app
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import FastAPI
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.requests import Request
from starlette.responses import Response

from tests.serving import serving

ISSUER = "https://issuer.example"
AUDIENCE = "taskwire"
OWNER = "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"

type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

JWK_OF: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def new_key(algorithm: str) -> PrivateKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def claims(**changed: Any) -> dict[str, Any]:
    """What a good token of OWNER says; a claim that is None is left out."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": OWNER, "iat": now, "nbf": now, "exp": now + 300}
    return {name: value for name, value in (good | changed).items() if value is not None}


def encoded(part: Any) -> str:
    """Base64url, as the parts of a token have it."""
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@dataclass
class Issuer:
    """Keys by their id, which is the name of their algorithm, and how the address behaves where they are published."""

    keys: dict[str, PrivateKey] = field(default_factory=lambda: {name: new_key(name) for name in JWK_OF})
    is_down: bool = False
    fetches: int = 0

    def key_set(self) -> dict[str, Any]:
        return {"keys": [self.jwk(key_id) for key_id in self.keys]}

    def jwk(self, key_id: str) -> dict[str, Any]:
        public: Any = self.keys[key_id].public_key()
        algorithm = key_id.partition("-")[0]
        return {**JWK_OF[algorithm].to_jwk(public, as_dict=True), "kid": key_id, "alg": algorithm, "use": "sig"}

    def token(self, key_id: str = "ES256", *, header: Mapping[str, Any] | None = None, **changed: Any) -> str:
        """A token of OWNER, signed with this key; `changed` are claims, `header` what its header says beside."""
        algorithm = key_id.partition("-")[0]
        return jwt.encode(claims(**changed), self.keys[key_id], algorithm, headers={"kid": key_id, **(header or {})})

    async def publish(self, _: Request) -> Response:
        self.fetches += 1
        return Response(json.dumps(self.key_set()), 503 if self.is_down else 200, media_type="application/json")


@asynccontextmanager
async def published(issuer: Issuer) -> AsyncIterator[str]:
    """The address of the issuer's key set."""

    @asynccontextmanager
    async def nothing(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = make_app("issuer", nothing)
    app.add_route("/keys", issuer.publish, ["GET"])
    async with serving(app) as served:
        yield f"http://127.0.0.1:{served.port}/keys"
