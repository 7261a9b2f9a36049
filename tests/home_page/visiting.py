"""What a visitor of the home page does and sees."""

import json
from typing import Any

from tests.browser import Browser, Page

ENTER, TAB, SPACE = ("Enter", 13, "\r"), ("Tab", 9, ""), (" ", 32, " ")
TITLES = "[...document.querySelectorAll('.task .title')].map(one => one.textContent)"
IS_LIVE = "document.querySelector('#live').dataset.state === 'open'"


class Visitor:
    """Opens windows, which share what the page stores."""

    def __init__(self, browser: Browser, context: str, gateway_url: str) -> None:
        self.gateway_url = gateway_url
        self._browser = browser
        self._context = context

    async def open(self, path: str = "/", **look: Any) -> Page:
        """A window with the page, once it is live."""
        page = await self._browser.open(f"{self.gateway_url}{path}", self._context, **look)
        await page.shows(IS_LIVE)
        return page


async def add(page: Page, title: str) -> None:
    """Types a new task, and returns once the page shows it."""
    await page.click("#title")
    await page.type(title)
    await page.press(*ENTER)
    await shows_title(page, title)


async def shows_title(page: Page, title: str) -> None:
    await page.shows(f"{TITLES}.includes({json.dumps(title)})")


async def shows_titles(page: Page, *titles: str) -> None:
    """Returns once these are the titles, from top to bottom."""
    await page.shows(f"JSON.stringify({TITLES}) === JSON.stringify({json.dumps(titles)})")


async def open_editor(page: Page, item: str) -> None:
    """Opens the editor of the item, with its title selected."""
    await page.click(f"{item} .edit")
    await page.shows("document.activeElement.className === 'edit-title'")
    await page.evaluate("document.activeElement.select()")


async def user_of(page: Page) -> str:
    """The user whose tasks the page shows."""
    user: str = await page.evaluate("document.querySelector('#user').textContent")
    return user
