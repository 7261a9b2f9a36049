"""Tokens that must not be accepted."""

import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.issuer import OWNER, Issuer, claims, encoded, new_key

STRANGER = "4d0c2a9b-8e37-4b16-a1f5-92c6e07d3b58"


def public_pem(issuer: Issuer, key_id: str) -> bytes:
    return issuer.keys[key_id].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def unsigned(algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'RS256'})}.{encoded(claims())}."


def hmac_with(issuer: Issuer, secret: bytes) -> str:
    """Signed with a secret that everyone knows, for a verifier that lets the token choose the algorithm."""
    header, payload = encoded({"alg": "HS256", "kid": "RS256"}), encoded(claims())
    signing_input = f"{header}.{payload}".encode()
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing_input, secret)
    return f"{header}.{payload}.{encoded(signature)}"


def changed_after_signing(issuer: Issuer) -> str:
    header, _, signature = issuer.token(sub=STRANGER).split(".")
    return f"{header}.{encoded(claims())}.{signature}"


def of_an_attackers_key(issuer: Issuer, **header: Any) -> str:
    return jwt.encode(claims(), new_key("ES256"), "ES256", headers={"kid": "ES256", **header})


def with_attackers_own_jwk(issuer: Issuer) -> str:
    attacker = Issuer({"ES256": new_key("ES256")})
    return attacker.token(header={"jwk": attacker.jwk("ES256"), "kid": "attacker"})


def detached(issuer: Issuer) -> str:
    """RFC 7797: the payload is somewhere else."""
    header, _, signature = issuer.token(header={"b64": False, "crit": ["b64"]}).split(".")
    return f"{header}..{signature}"


def past(seconds: int) -> int:
    """The time so many seconds ago, as a claim."""
    return int(claims()["iat"]) - seconds


ATTACKS: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda _: unsigned("none"),
    "alg None": lambda _: unsigned("None"),
    "alg nOnE": lambda _: unsigned("nOnE"),
    "no alg": lambda _: f"{encoded({'kid': 'RS256'})}.{encoded(claims())}.{encoded(b'x')}",
    "hmac with the public key as pem": lambda issuer: hmac_with(issuer, public_pem(issuer, "RS256")),
    "hmac with the public key as json": lambda issuer: hmac_with(issuer, json.dumps(issuer.jwk("RS256")).encode()),
    "hmac with nothing": lambda issuer: hmac_with(issuer, b""),
    "wrong key": of_an_attackers_key,
    "key of another kind": lambda issuer: issuer.token("RS256", header={"kid": "ES256"}),
    "algorithm that is not allowed": lambda issuer: jwt.encode(
        claims(), issuer.keys["RS256"], "PS256", headers={"kid": "RS256"}
    ),
    "longer hash than is allowed": lambda issuer: jwt.encode(
        claims(), issuer.keys["RS256"], "RS512", headers={"kid": "RS256"}
    ),
    "expired": lambda issuer: issuer.token(exp=past(60)),
    "not valid yet": lambda issuer: issuer.token(nbf=past(-60)),
    "issued in the future": lambda issuer: issuer.token(iat=past(-60)),
    "never expires": lambda issuer: issuer.token(exp=None),
    "expires at no time": lambda issuer: issuer.token(exp="tomorrow"),
    "expires after all times": lambda issuer: issuer.token(exp=float("inf")),
    "wrong audience": lambda issuer: issuer.token(aud="another"),
    "no audience": lambda issuer: issuer.token(aud=None),
    "empty audience": lambda issuer: issuer.token(aud=[]),
    "wrong issuer": lambda issuer: issuer.token(iss="https://issuer.example.attacker.example"),
    "no issuer": lambda issuer: issuer.token(iss=None),
    "no user": lambda issuer: issuer.token(sub=None),
    "user that is no id": lambda issuer: issuer.token(sub="admin"),
    "user in braces": lambda issuer: issuer.token(sub=f"{{{OWNER}}}"),
    "user and a line": lambda issuer: issuer.token(sub=f"{OWNER}\n"),
    "stripped signature": lambda issuer: issuer.token().rpartition(".")[0] + ".",
    "no signature at all": lambda issuer: issuer.token().rpartition(".")[0],
    "signature of zeros": lambda issuer: f"{issuer.token().rpartition('.')[0]}.{encoded(bytes(64))}",
    "signature of another token": lambda issuer: (
        f"{issuer.token().rpartition('.')[0]}.{issuer.token(sub=STRANGER).split('.')[2]}"
    ),
    "payload changed after signing": changed_after_signing,
    "unknown kid": lambda issuer: issuer.token(header={"kid": "unknown"}),
    "no kid where there are several keys": lambda issuer: jwt.encode(claims(), issuer.keys["ES256"], "ES256"),
    "kid that is a path": lambda issuer: of_an_attackers_key(issuer, kid="../../../../dev/null"),
    "kid that is an address": lambda issuer: of_an_attackers_key(issuer, kid="http://127.0.0.1:1/keys"),
    "kid that is sql": lambda issuer: of_an_attackers_key(issuer, kid="ES256' or '1'='1"),
    "kid that is a list": lambda _: (
        f"{encoded({'alg': 'ES256', 'kid': ['ES256']})}.{encoded(claims())}.{encoded(b'x')}"
    ),
    "kid that is null": lambda _: f"{encoded({'alg': 'ES256', 'kid': None})}.{encoded(claims())}.{encoded(b'x')}",
    "own key in the header": with_attackers_own_jwk,
    "address of own keys in the header": lambda issuer: of_an_attackers_key(issuer, jku="http://127.0.0.1:1/keys"),
    "critical extension": lambda issuer: issuer.token(header={"crit": ["exp"], "exp": 1}),
    "detached payload": detached,
    "huge token": lambda issuer: issuer.token(padding="x" * 8192),
    "encrypted token": lambda _: ".".join([encoded({"alg": "dir", "enc": "A128GCM"}), "", "AAAA", "AAAA", "AAAA"]),
    "json that nests": lambda _: f"{encoded(b'[' * 3000)}.{encoded(claims())}.{encoded(b'x')}",
    "header that is a list": lambda _: f"{encoded([])}.{encoded(claims())}.{encoded(b'x')}",
    "dots": lambda _: "..",
    "no token": lambda _: "let-me-in",
}
