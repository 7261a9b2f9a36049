"""Fetching the issuer's keys, when it rotates them, and when it is down."""

import asyncio
import json
import logging
from collections.abc import Iterable
from time import monotonic
from typing import Any

import jwt
import pytest
from gateway.signing_keys import (
    FETCH_TIMEOUT_S,
    MAX_TRIED,
    WAIT_FOR_FETCH_S,
    Fetch,
    FetchFailed,
    SigningKeys,
    SigningKeysUnavailable,
    UnknownSigningKey,
    usable_keys,
)
from gateway.tokens import InvalidToken, Rules, Tokens
from jwt import PyJWK

from tests.issuer import AUDIENCE, ISSUER, JWK_OF, OWNER, Issuer, claims, new_key
from tests.waiting import turns

RULES = Rules(ISSUER, AUDIENCE, "sub")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer({"ES256-1": new_key("ES256")})


def keys_of(issuer: Issuer, *, pause_s: float = 0.0) -> SigningKeys:
    """The issuer's keys, without HTTP in between."""

    async def fetch() -> bytes:
        issuer.fetches += 1
        await turns()
        if issuer.is_down:
            raise FetchFailed("down")
        return json.dumps(issuer.key_set()).encode()

    return SigningKeys(fetch, pause_s=pause_s)


def bytes_of(key_set: dict[str, Any]) -> Fetch:
    """What fetches this key set."""

    async def fetch() -> bytes:
        return json.dumps(key_set).encode()

    return fetch


def names(keys: Iterable[PyJWK]) -> list[str | None]:
    return [key.key_id for key in keys]


async def test_a_new_key_is_fetched_when_a_token_names_it(issuer: Issuer) -> None:
    keys = keys_of(issuer)
    tokens = Tokens(keys, RULES)
    await keys.find("ES256-1", "ES256")
    issuer.keys["ES256-2"] = new_key("ES256")

    assert await tokens.user_of(issuer.token("ES256-2").encode()) == OWNER
    assert await tokens.user_of(issuer.token("ES256-1").encode()) == OWNER


async def test_a_remembered_token_is_forgotten_when_its_key_is_withdrawn(issuer: Issuer) -> None:
    keys = keys_of(issuer)
    tokens = Tokens(keys, RULES)
    token = issuer.token("ES256-1").encode()
    await tokens.user_of(token)

    issuer.keys = {"ES256-2": new_key("ES256")}
    await keys.renew()

    with pytest.raises(InvalidToken):
        await tokens.user_of(token)


async def test_a_remembered_token_needs_no_key(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(keys_of(issuer), RULES)
    token = issuer.token("ES256-1").encode()
    await tokens.user_of(token)
    monkeypatch.setattr(jwt, "decode", None)

    assert await tokens.user_of(token) == OWNER


async def test_the_memory_of_tokens_is_bounded(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.tokens.MAX_REMEMBERED", 3)
    tokens = Tokens(keys_of(issuer), RULES)

    for number in range(10):
        await tokens.user_of(issuer.token("ES256-1", jti=str(number)).encode())

    assert len(tokens._remembered) == 3


async def test_many_who_miss_a_key_share_one_fetch(issuer: Issuer) -> None:
    keys = keys_of(issuer, pause_s=60)

    found = await asyncio.gather(*(keys.find("ES256-1", "ES256") for _ in range(50)))

    assert len(found) == 50
    assert issuer.fetches == 1


async def test_unknown_keys_are_fetched_once_per_pause(issuer: Issuer) -> None:
    keys = keys_of(issuer, pause_s=60)

    for number in range(20):
        with pytest.raises(UnknownSigningKey):
            await keys.find(str(number), "ES256")

    assert issuer.fetches == 1


async def test_a_key_that_nobody_can_ask_for_is_no_verdict(issuer: Issuer) -> None:
    keys = keys_of(issuer)
    await keys.find("ES256-1", "ES256")
    issuer.is_down = True

    with pytest.raises(SigningKeysUnavailable):
        await keys.find("ES256-2", "ES256")

    assert names(await keys.find("ES256-1", "ES256")) == ["ES256-1"]


async def test_the_only_key_needs_no_name(issuer: Issuer) -> None:
    assert names(await keys_of(issuer).find(None, "ES256")) == ["ES256-1"]


async def test_two_keys_of_one_name_and_different_kinds_both_count() -> None:
    issuer = Issuer({name: new_key(name) for name in JWK_OF})
    published = {"keys": [issuer.jwk(name) | {"kid": "same"} for name in issuer.keys]}
    tokens = Tokens(SigningKeys(bytes_of(published)), RULES)

    users = [await tokens.user_of(issuer.token(name, header={"kid": "same"}).encode()) for name in issuer.keys]

    assert users == [OWNER] * len(JWK_OF)


def without_names(issuer: Issuer) -> dict[str, list[dict[str, Any]]]:
    return {"keys": [{name: value for name, value in jwk.items() if name != "kid"} for jwk in issuer.key_set()["keys"]]}


@pytest.mark.parametrize("named", [True, False])
async def test_keys_without_a_name_are_tried_in_turn(*, named: bool) -> None:
    issuer = Issuer({name: new_key(name.partition("-")[0]) for name in ("ES256-1", "RS256-1", "ES256-2", "ES256-3")})
    tokens = Tokens(SigningKeys(bytes_of(without_names(issuer))), RULES)

    for name in issuer.keys:
        token = issuer.token(name) if named else jwt.encode(claims(), issuer.keys[name], name.partition("-")[0])
        assert await tokens.user_of(token.encode()) == OWNER


async def test_no_token_has_more_keys_tried_than_the_limit() -> None:
    issuer = Issuer({f"ES256-{number}": new_key("ES256") for number in range(MAX_TRIED + 2)})

    found = await SigningKeys(bytes_of(without_names(issuer))).find(None, "ES256")

    assert len(found) == MAX_TRIED


async def test_a_key_without_a_name_verifies_no_token_of_another_key(issuer: Issuer) -> None:
    tokens = Tokens(SigningKeys(bytes_of(without_names(issuer))), RULES)
    attacker = Issuer({"ES256-1": new_key("ES256")})

    with pytest.raises(InvalidToken):
        await tokens.user_of(attacker.token("ES256-1").encode())


async def test_an_issuer_that_hangs_holds_a_request_for_a_moment_only(issuer: Issuer) -> None:
    """Without any key, and for an unknown key; known keys still work."""
    answers = iter([json.dumps(issuer.key_set()).encode()])
    hanging = asyncio.Event()

    async def fetch() -> bytes:
        for answer in answers:
            return answer
        hanging.set()
        never: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        return await never

    keys = SigningKeys(fetch, pause_s=0)
    await keys.renew()
    began = monotonic()

    with pytest.raises(SigningKeysUnavailable):
        await keys.find("ES256-2", "ES256")

    took_s = monotonic() - began
    assert hanging.is_set()
    assert names(await keys.find("ES256-1", "ES256")) == ["ES256-1"]
    assert WAIT_FOR_FETCH_S * 0.9 <= took_s < FETCH_TIMEOUT_S / 2
    keys.close()


async def test_a_fetch_goes_on_without_the_request_that_began_it(issuer: Issuer) -> None:
    gate = asyncio.Event()

    async def fetch() -> bytes:
        await gate.wait()
        return json.dumps(issuer.key_set()).encode()

    keys = SigningKeys(fetch, pause_s=60)
    asking = asyncio.create_task(keys.find("ES256-1", "ES256"))
    await turns()
    asking.cancel()
    await asyncio.wait({asking})
    gate.set()

    assert names(await keys.find("ES256-1", "ES256")) == ["ES256-1"]


@pytest.mark.parametrize(
    "key_set",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": null}',
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [null, 1, {}, {"kty": "RSA"}, {"kty": "RSA", "n": 1}]}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "1"}]}',
        b"[" * 5000,
    ],
)
def test_what_holds_no_usable_key_is_no_key_set(key_set: bytes) -> None:
    with pytest.raises(FetchFailed):
        usable_keys(key_set)


def test_keys_for_something_else_are_left_out(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    good = issuer.jwk("ES256-1")
    others = [
        good | {"kid": "encryption", "use": "enc"},
        good | {"kid": ["list"]},
        Issuer({"RS256": new_key("RS256")}).jwk("RS256") | {"kid": "pss", "alg": "PS256"},
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "secret"},
        {"kty": "RSA", "kid": "short", "alg": "RS256", "e": "AQAB", "n": "v" * 170},
    ]

    with caplog.at_level(logging.WARNING):
        usable = usable_keys(json.dumps({"keys": [*others, good]}).encode())

    assert names(usable.keys) == ["ES256-1"]
    assert "ignoring a signing key" in caplog.text


async def test_a_broken_key_set_leaves_the_keys_that_are_there(issuer: Issuer) -> None:
    answers = iter([json.dumps(issuer.key_set()).encode(), b"<html>sorry</html>"])

    async def fetch() -> bytes:
        return next(answers)

    keys = SigningKeys(fetch, pause_s=0)
    await keys.renew()
    await keys.renew()

    assert names(await keys.find("ES256-1", "ES256")) == ["ES256-1"]
