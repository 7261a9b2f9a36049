"""`AUTH_MODE=jwt make run`: the whole system with tokens."""

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from local_stack.stack import Stack

from tests.browser import NEEDS_CHROMIUM, running_browser
from tests.conftest import running_stack_with
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.serving import Answer, Served


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
async def guarded_stack(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A system whose services get the variables of identity as `make run` got them, with a path from where it began."""
    home = tmp_path_factory.mktemp("guarded")
    (home / "keys.json").write_text(json.dumps(issuer.key_set()))
    given = {
        "AUTH_MODE": "jwt",
        "AUTH_JWKS_FILE": "keys.json",
        "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE,
        "READER_TOKEN": "a-secret-of-gateways-and-readers-alone",
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(home)
        async with running_stack_with(given, Path("stack")) as running:
            yield running


class Client:
    """Asks as one user, with a token of that user."""

    def __init__(self, stack: Stack, issuer: Issuer, user_id: str) -> None:
        self._gateway = Served(urlsplit(stack.addresses.gateway_url).port or 0)
        self._headers = {"Authorization": f"Bearer {issuer.token(sub=user_id)}", "Content-Type": "application/json"}

    async def __call__(self, method: str, path: str, **body: Any) -> Answer:
        return await self._gateway.ask(
            method, path, body=json.dumps(body).encode() if body else None, headers=self._headers
        )


async def test_the_owner_works_and_a_stranger_meets_what_is_not_there(guarded_stack: Stack, issuer: Issuer) -> None:
    owner_id, stranger_id = str(uuid4()), str(uuid4())
    owner, stranger = Client(guarded_stack, issuer, owner_id), Client(guarded_stack, issuer, stranger_id)
    tasks = f"/api/{owner_id}/tasks"

    created = await owner("POST", tasks, title="Buy milk")
    task = created.headers["location"]
    missing = await owner("GET", f"{tasks}/{uuid4()}")
    foreign = [
        await stranger("GET", task),
        await stranger("GET", tasks),
        await stranger("POST", tasks, title="Not mine"),
        await stranger("PUT", task, title="Not mine"),
        await stranger("PATCH", f"{task}/complete"),
        await stranger("DELETE", task),
    ]

    assert created.status == HTTPStatus.CREATED
    assert {(answer.status, answer.body) for answer in foreign} == {(missing.status, missing.body)}
    assert missing.status == HTTPStatus.NOT_FOUND
    assert (await owner("GET", tasks)).json() == [created.json()]


async def test_nobody_comes_in_without_a_token(guarded_stack: Stack) -> None:
    gateway = Served(urlsplit(guarded_stack.addresses.gateway_url).port or 0)

    answer = await gateway.ask("GET", f"/api/{uuid4()}/tasks")

    assert answer.status == HTTPStatus.UNAUTHORIZED


async def test_the_reader_serves_the_gateway_alone(guarded_stack: Stack) -> None:
    reader = Served(urlsplit(guarded_stack.addresses.reader_url).port or 0)

    answer = await reader.ask("GET", f"/api/{uuid4()}/tasks")

    assert answer.status == HTTPStatus.UNAUTHORIZED


@NEEDS_CHROMIUM
async def test_the_home_page_asks_for_a_token_and_shows_its_users_tasks(
    guarded_stack: Stack, issuer: Issuer, tmp_path: Path
) -> None:
    user_id = str(uuid4())
    async with running_browser(tmp_path / "chromium") as browser, browser.visitor() as visitor:
        page = await browser.open(f"{guarded_stack.addresses.gateway_url}/", visitor)

        async def offer(token: str) -> None:
            await page.click("#token")
            await page.type(token)
            await page.press("Enter", 13, "\r")

        await offer("nonsense")
        await page.shows("document.querySelector('#message').textContent.includes('JSON Web Token')")
        await offer(issuer.token(sub=user_id, aud="somebody else"))
        await page.shows("/audience|aud/i.test(document.querySelector('#message').textContent)")
        await offer(issuer.token(sub=user_id))
        await page.shows("document.querySelector('#live').dataset.state === 'open'")
        await page.click("#title")
        await page.type("Buy milk")
        await page.press("Enter", 13, "\r")
        await page.shows("document.querySelector('.task .title').textContent === 'Buy milk'")

        other = await browser.open(f"{guarded_stack.addresses.gateway_url}/", visitor)
        await other.shows("document.querySelector('#token').checkVisibility()")

    owner = Client(guarded_stack, issuer, user_id)
    assert [task["title"] for task in (await owner("GET", f"/api/{user_id}/tasks")).json()] == ["Buy milk"]
