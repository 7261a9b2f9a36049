"""An issuer of bearer tokens for a measurement: its key set, and a token for each user."""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ALGORITHM = "RS256"
"""What most issuers sign with."""

KEY_BITS = 2048
KEY_ID = "benchmark"
ISSUER = "https://issuer.example"
AUDIENCE = "taskwire"
VALID_FOR_S = 3600


def issue_tokens(key_set: Path, tokens: Path, user_ids: Iterable[UUID]) -> Mapping[str, str]:
    """Writes both files, tokens as "USER_ID TOKEN" a line; returns the variables of a gateway that accepts them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    key_set.write_text(json.dumps({"keys": [{**public, "kid": KEY_ID, "alg": ALGORITHM, "use": "sig"}]}))
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + VALID_FOR_S}
    with tokens.open("w") as file:
        for user_id in user_ids:
            token = jwt.encode({**claims, "sub": str(user_id)}, key, ALGORITHM, headers={"kid": KEY_ID})
            file.write(f"{user_id} {token}\n")
    return {
        "AUTH_MODE": "jwt",
        "AUTH_JWKS_FILE": str(key_set),
        "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE,
    }
