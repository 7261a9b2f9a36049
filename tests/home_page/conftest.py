"""One browser for all tests; each test is a visitor who was never there."""

from collections.abc import AsyncIterator

import pytest

from tests.browser import Browser, running_browser

from .visiting import Visitor


@pytest.fixture(scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with running_browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
async def visitor(browser: Browser, gateway_url: str) -> AsyncIterator[Visitor]:
    """Somebody who comes to the page of the running system for the first time."""
    async with browser.visitor() as context:
        yield Visitor(browser, context, gateway_url)
