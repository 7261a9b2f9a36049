"""AUTH_MODE=jwt: valid tokens are accepted, and all kinds of invalid ones rejected."""

import json
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from gateway.tokens import CLOCK_SKEW_S

from tests.issuer import AUDIENCE, ISSUER, JWK_OF, OWNER, Issuer, claims, new_key, published
from tests.serving import Answer, Served
from tests.waiting import eventually

from .attacks import ATTACKS, STRANGER, past
from .in_process import COMPLETE, JSON, TASK, TASKS, lonely_gateway
from .test_openapi import OPERATIONS

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


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_401(guarded: Served, issuer: Issuer, attack: str) -> None:
    answer = await ask(guarded, ATTACKS[attack](issuer))

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
    token = issuer.token(exp=past(CLOCK_SKEW_S - 3))  # two seconds from now at least
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
