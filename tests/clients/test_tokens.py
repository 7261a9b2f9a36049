"""The Python client and the command `taskwire` with bearer tokens, at a gateway that verifies them (AUTH_MODE=jwt)."""

import asyncio
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from gateway.app import create_app
from gateway.settings import GatewaySettings
from gateway.tokens import CLOCK_SKEW_S
from local_stack.stack import Stack
from pydantic import HttpUrl, SecretStr
from taskwire_client import AsyncClient, Client, NotAuthenticated, Options, Retries, TaskNotFound
from taskwire_client.session import Token

from tests.issuer import AUDIENCE, ISSUER, OWNER, Issuer
from tests.serving import serving

PROGRAM = Path(sys.executable).with_name("taskwire")
WITHIN_S = 30
PATIENCE_S = 6.0  # as tests/conftest.py has it for the other gateways: clients that repeat nothing ask this one
IMPATIENT = Options(retries=Retries(total_s=0))
type MakeClient = Callable[[str, Token | None], Client]

NOT_TOKENS = ["", "two words", "line\nend", "\u202etoken", "Bearer\tit"]


class Wrong(NamedTuple):
    """The claims of a token, None for no token, and what the gateway says of it."""

    claims: dict[str, Any] | None
    slug: str
    detail: str


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
async def url(stack: Stack, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A gateway of the running system that asks for tokens."""
    keys = tmp_path_factory.mktemp("issuer") / "keys.json"
    keys.write_text(json.dumps(issuer.key_set()))
    settings = GatewaySettings(
        port=0,
        reader_url=HttpUrl(stack.addresses.reader_url),
        rabbitmq_url=SecretStr(stack.addresses.gateway_rabbitmq_url),
        auth_mode="jwt",
        auth_jwks_file=keys,
        auth_issuer=ISSUER,
        auth_audience=AUDIENCE,
        write_deadline_s=PATIENCE_S,
        read_timeout_s=PATIENCE_S,
        bus_start_timeout_s=PATIENCE_S,
    )
    async with serving(create_app(settings)) as gateway:
        yield f"http://127.0.0.1:{gateway.port}"


@pytest.fixture
def client(url: str) -> Iterator[MakeClient]:
    """Makes a client of a user with a token; it repeats nothing."""
    with httpx.Client(trust_env=False) as http:
        yield lambda user, token: Client(url, user, token=token, options=IMPATIENT, http=http)


def expired(issuer: Issuer, user: str) -> str:
    long_ago = int(time.time()) - 3600
    return issuer.token(sub=user, iat=long_ago, nbf=long_ago, exp=long_ago + 60)


async def test_each_request_has_the_token_as_it_is_then(client: MakeClient, issuer: Issuer) -> None:
    user = str(uuid4())
    given: Iterator[str] = iter([issuer.token("RS256", sub=user), expired(issuer, user), issuer.token(sub=user)])
    tasks = client(user, lambda: next(given))

    created = await asyncio.to_thread(tasks.create, "Buy milk")
    with pytest.raises(NotAuthenticated, match="has expired"):
        await asyncio.to_thread(tasks.get, created.id)

    assert await asyncio.to_thread(tasks.get, created.id) == created


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(None, "no-token", "Send a token"),
        Wrong({"exp": 1}, "invalid-token", "has expired"),
        Wrong({"aud": "another"}, "invalid-token", "audience"),
        Wrong({"iss": "https://another.example"}, "invalid-token", "issuer"),
    ],
    ids=["none", "expired", "audience", "issuer"],
)
async def test_a_token_that_is_not_accepted_is_an_error_of_its_own(
    url: str, client: MakeClient, issuer: Issuer, wrong: Wrong
) -> None:
    token = None if wrong.claims is None else issuer.token(**wrong.claims)

    with pytest.raises(NotAuthenticated) as read:
        await asyncio.to_thread(lambda: list(client(OWNER, token).tasks()))
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(NotAuthenticated) as written:
            await AsyncClient(url, OWNER, token=token, options=IMPATIENT, http=http).create("Buy milk")

    for error in (read.value, written.value):
        assert (error.status, error.type) == (401, f"urn:taskwire:problem:{wrong.slug}")
        assert wrong.detail in error.detail
        assert not error.may_be_done


async def test_another_users_list_is_not_there(client: MakeClient, issuer: Issuer) -> None:
    with pytest.raises(TaskNotFound):
        await asyncio.to_thread(client(str(uuid4()), issuer.token()).create, "Buy milk")


async def test_a_watch_outlives_its_token_if_that_is_renewed_and_ends_clearly_if_not(
    client: MakeClient, issuer: Issuer
) -> None:
    user = str(uuid4())
    soon = math.ceil(time.time()) - CLOCK_SKEW_S + 2  # the gateway accepts it for at least two more seconds
    short = issuer.token(sub=user, iat=soon - 60, nbf=soon - 60, exp=soon)
    given = iter([short])
    tasks, writer = (
        client(user, lambda: next(given, issuer.token(sub=user))),
        client(user, issuer.token(sub=user)),
    )

    def renewed() -> list[str]:
        with closing(tasks.watch()) as updates:
            next(updates)
            with closing(client(user, short).watch()) as others:
                next(others)
                with pytest.raises(NotAuthenticated, match="has expired"):
                    next(others)
            writer.create("Buy milk")
            return [task.title for task in next(updates).changes.changed]

    assert await asyncio.to_thread(renewed) == ["Buy milk"]
    assert next(given, None) is None


@pytest.mark.parametrize("token", NOT_TOKENS)
def test_what_cannot_be_a_token_is_refused_without_showing_it(client: MakeClient, token: str) -> None:
    for given in (token, lambda: token):
        with pytest.raises(ValueError, match="not a bearer token") as refused:
            list(client(OWNER, given).tasks())
        assert not token or token not in str(refused.value)


async def taskwire(url: str, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of the command by a user who has this in TASKWIRE_TOKEN."""
    variables = {"TASKWIRE_URL": url, "TASKWIRE_USER": OWNER, "TASKWIRE_TOKEN": token, "NO_PROXY": "*"}
    run = partial(subprocess.run, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    environment = {"PATH": os.environ["PATH"], **variables}
    return await asyncio.to_thread(run, [PROGRAM, "--patience", "0", *arguments], env=environment)


async def test_the_command_takes_the_token_from_the_environment_or_a_file(
    url: str, issuer: Issuer, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{issuer.token()}\n")

    added = await taskwire(url, issuer.token(), "add", "Buy milk")
    listed = await taskwire(url, f"@{file}", "ls")

    assert (added.returncode, added.stderr) == (0, "")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "Buy milk" in listed.stdout


async def test_the_command_says_what_is_wrong_with_a_token_and_never_shows_it(
    url: str, issuer: Issuer, tmp_path: Path
) -> None:
    old, secret = expired(issuer, OWNER), "s3cret token"
    (tmp_path / "bad").write_text(f"{secret} {secret}")
    cases = {
        "": (6, "error: Send a token in the header"),
        old: (6, "error: The token has expired."),
        secret: (2, "not a bearer token"),
        f"@{tmp_path / 'bad'}": (2, "not a bearer token"),
        f"@{tmp_path / 'missing'}": (2, "No such file"),
    }

    done = await asyncio.gather(*(taskwire(url, token, "ls") for token in cases), taskwire(url, old, "--help"))

    for run, (status, said) in zip(done, [*cases.values(), (0, "")], strict=True):
        assert run.returncode == status, run
        assert said in run.stderr
        assert "Traceback" not in run.stderr
        assert not any(token in run.stdout + run.stderr for token in (old, secret))
