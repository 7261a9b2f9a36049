"""AUTH_MODE=jwt: valid tokens are accepted, and all kinds of invalid ones rejected."""

import json
import random
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from gateway.tokens import CLOCK_SKEW_S

from tests.issuer import AUDIENCE, ISSUER, JWK_OF, OWNER, Issuer, claims, encoded, new_key, published
from tests.serving import Answer, Served
from tests.waiting import eventually

from .in_process import COMPLETE, JSON, TASK, TASKS, lonely_gateway
from .test_openapi import OPERATIONS

STRANGER = "4d0c2a9b-8e37-4b16-a1f5-92c6e07d3b58"
BEHIND_THE_GUARD = 503  # nothing is there that could answer


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
async def guarded(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A gateway that verifies tokens by keys from a file."""
    file = tmp_path_factory.mktemp("issuer") / "keys.json"
    file.write_text(json.dumps(issuer.key_set()))
    async with lonely_gateway(**jwt_settings(auth_jwks_file=file)) as served:
        yield served


def jwt_settings(**source: Any) -> dict[str, Any]:
    return {"auth_mode": "jwt", "auth_issuer": ISSUER, "auth_audience": AUDIENCE, **source}


async def ask(gateway: Served, token: str, path: str = TASKS) -> Answer:
    return await gateway.ask("GET", path, headers={"Authorization": f"Bearer {token}"})


def is_challenge(answer: Answer, error: str | None) -> bool:
    """Whether this is a 401 as RFC 6750 and RFC 9457 want it."""
    challenge = answer.headers.get("www-authenticate", "")
    named = f'error="{error}"' in challenge if error else "error" not in challenge
    described = challenge.partition('error_description="')[2].removesuffix('"')
    assert re.fullmatch(r"[ !#-\[\]-~]*", described), "not as RFC 6750, section 3, allows"
    return (
        (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
        and challenge.startswith('Bearer realm="taskwire"')
        and named
    )


@pytest.mark.parametrize("key_id", JWK_OF)
async def test_the_owner_comes_in_with_a_key_of_every_kind(guarded: Served, issuer: Issuer, key_id: str) -> None:
    answer = await ask(guarded, issuer.token(key_id))

    assert answer.status == BEHIND_THE_GUARD


@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_operation_needs_a_token(guarded: Served, name: str) -> None:
    method, path, body = OPERATIONS[name]

    answer = await guarded.ask(method, path, body=body, headers=JSON)

    assert is_challenge(answer, None)
    assert answer.json()["type"] == "urn:taskwire:problem:no-token"


@pytest.mark.parametrize("name", OPERATIONS)
async def test_another_users_path_is_404_as_for_a_missing_task(guarded: Served, issuer: Issuer, name: str) -> None:
    method, path, body = OPERATIONS[name]
    headers = {"Authorization": f"Bearer {issuer.token()}", **JSON}

    answer = await guarded.ask(method, path.replace(OWNER, STRANGER), body=body, headers=headers)

    assert (answer.status, answer.json()) == (
        404,
        {
            "type": "urn:taskwire:problem:task-not-found",
            "title": "The user has no such task",
            "status": 404,
            "detail": "The user has no task with this id.",
        },
    )
    assert "www-authenticate" not in answer.headers


async def test_without_a_token_no_path_reveals_more_than_another(guarded: Served) -> None:
    answers = [await guarded.ask("GET", path) for path in (TASKS, TASK, "/api/none/tasks", f"/api/{STRANGER}/tasks/1")]

    assert len({(answer.status, answer.body) for answer in answers}) == 1


async def test_a_bad_id_is_400_for_who_has_a_token(guarded: Served, issuer: Issuer) -> None:
    answer = await ask(guarded, issuer.token(), "/api/none/tasks")

    assert answer.status == 400


async def test_the_spelling_of_scheme_and_user_does_not_matter(guarded: Served, issuer: Issuer) -> None:
    token = issuer.token(sub=OWNER.upper())

    answer = await guarded.ask(
        "GET", TASKS.replace(OWNER, OWNER.upper()), headers={"Authorization": f"bEaReR  {token}"}
    )

    assert answer.status == BEHIND_THE_GUARD


async def test_one_of_several_audiences_is_enough(guarded: Served, issuer: Issuer) -> None:
    answer = await ask(guarded, issuer.token(aud=["other", AUDIENCE]))

    assert answer.status == BEHIND_THE_GUARD


@pytest.mark.parametrize("skewed", [{"exp": -20}, {"nbf": 20}, {"iat": 20}])
async def test_clocks_may_differ_a_little(guarded: Served, issuer: Issuer, skewed: dict[str, int]) -> None:
    answer = await ask(guarded, issuer.token(**{name: claims()["iat"] + off for name, off in skewed.items()}))

    assert answer.status == BEHIND_THE_GUARD


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
    "signature of another token": lambda issuer: f"{issuer.token().rpartition('.')[0]}.{issuer.token().split('.')[2]}",
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


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_401(guarded: Served, issuer: Issuer, attack: str) -> None:
    answer = await ask(guarded, ATTACKS[attack](issuer))

    if attack == "signature of another token":  # ECDSA signs anew each time: both are signatures of the same claims
        assert answer.status in {401, BEHIND_THE_GUARD}
    else:
        assert is_challenge(answer, "invalid_token"), (answer.status, answer.headers, answer.body)


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token {token}", "{token}", "Bearer{token}"],
)
async def test_a_request_without_a_bearer_token_is_challenged_for_one(
    guarded: Served, issuer: Issuer, authorization: str
) -> None:
    headers = {"Authorization": authorization.format(token=issuer.token())}

    answer = await guarded.ask("GET", TASKS, headers=headers)

    assert is_challenge(answer, None)


async def test_a_token_in_the_address_does_not_count(guarded: Served, issuer: Issuer) -> None:
    answer = await guarded.ask("GET", f"{TASKS}?access_token={issuer.token()}")

    assert is_challenge(answer, None)


async def test_no_bytes_at_all_come_in(guarded: Served) -> None:
    draw = random.Random(20)  # noqa: S311 - the same bytes each time
    alphabet = [chr(number) for number in (*range(33, 127), *range(128, 256))] + list("...eyJ") * 20
    tokens = ["".join(draw.choices(alphabet, k=draw.randrange(300))) for _ in range(100)]

    answers = [await ask(guarded, token) for token in tokens]

    assert {answer.status for answer in answers} == {401}


async def test_the_documentation_needs_no_token_and_declares_it(guarded: Served) -> None:
    answer = await guarded.ask("GET", "/openapi.json")

    document = answer.json()
    assert document["components"]["securitySchemes"]["bearer"]["bearerFormat"] == "JWT"
    assert document["security"] == [{"bearer": []}]
    operations = [item[key] for item in document["paths"].values() for key in item if key != "parameters"]
    assert all({"401", "404"} <= set(operation["responses"]) for operation in operations)
    assert len(operations) == len(OPERATIONS)


async def test_a_remembered_token_ends_with_its_time(guarded: Served, issuer: Issuer) -> None:
    token = issuer.token(exp=past(CLOCK_SKEW_S - 2))
    assert (await ask(guarded, token)).status == BEHIND_THE_GUARD

    async def has_ended() -> bool:
        return (await ask(guarded, token)).status == 401

    await eventually(has_ended, within_s=5)


async def test_without_keys_at_the_start_nobody_comes_in(issuer: Issuer, tmp_path: Path) -> None:
    async with lonely_gateway(**jwt_settings(auth_jwks_file=tmp_path / "missing.json")) as gateway:
        answer = await ask(gateway, issuer.token())

    assert (answer.status, answer.json()["type"]) == (503, "urn:taskwire:problem:tokens-unverifiable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_keys_that_were_fetched_go_on_when_the_issuer_is_down() -> None:
    issuer = Issuer({"ES256": new_key("ES256")})
    async with published(issuer) as url, lonely_gateway(**jwt_settings(auth_jwks_url=url)) as gateway:
        before = await ask(gateway, issuer.token())
        issuer.is_down = True

        after = [await ask(gateway, issuer.token()) for _ in range(3)]

    assert [answer.json()["type"] for answer in (before, *after)] == ["urn:taskwire:problem:unavailable"] * 4


async def test_however_many_tokens_name_unknown_keys_the_issuer_is_asked_once() -> None:
    issuer = Issuer({"ES256": new_key("ES256")})
    async with published(issuer) as url, lonely_gateway(**jwt_settings(auth_jwks_url=url)) as gateway:
        answers = [await ask(gateway, issuer.token(header={"kid": f"unknown-{number}"})) for number in range(20)]

    assert {answer.status for answer in answers} == {401}
    assert issuer.fetches == 1


async def test_patch_without_a_body_is_guarded_too(guarded: Served) -> None:
    answer = await guarded.ask("PATCH", COMPLETE)

    assert answer.status == 401
