"""`make pictures`: pictures of programs for the documentation, taken of a real system in a browser and a terminal."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
from local_stack.stack import Stack, running_stack

from tests.browser import Browser, Page, Scheme, running_browser
from tests.conftest import stack_settings
from tests.home_page.visiting import Visitor, add
from tests.users import new_user
from tests.waiting import eventually

from . import terminal_pictures
from .pages import ROOT

DOCS, SCREENS = ROOT / "docs", ROOT / "clients/python/screens"
PROGRAM = Path(sys.executable).with_name("taskwire")
WINDOWS = {"home-page": (1100, 580), "home-page-phone": (390, 690)}  # no higher than what they show
SCHEMES: Mapping[str, Scheme] = {"": "light", "-dark": "dark"}
STATUS_WINDOW = (1100, 650)
SAMPLES = 12  # of the status page, every 5 s: its charts show a minute
TITLES = ("Read docs/reliability.md", "Call Zoë about the delivery", "Buy oat milk")


async def home_pages(browser: Browser, url: str) -> None:
    """The list in a window for a desk and for a phone, in both schemes, after a person has used two windows."""
    async with browser.visitor() as context:
        visitor = Visitor(browser, context, url)
        page, other = await visitor.open(), await visitor.open()
        for title in TITLES:
            await add(page, title)
        await page.click(".task:last-child .done")
        await other.shows("document.querySelector('.task:last-child').classList.contains('is-done')")
        await add(other, "Water the plants")
        await page.shows("document.querySelectorAll('.task').length === 4")
        await page.evaluate("document.activeElement.blur()")
        for name, window in WINDOWS.items():
            for suffix, scheme in SCHEMES.items():
                await page.look_like(window, scheme)
                await keep(page, f"{name}{suffix}")


async def keep(page: Page, name: str) -> None:
    """Writes what the window shows, once it has drawn it at its size."""
    await page.send("Page.bringToFront")  # what nobody sees is not drawn
    await page.evaluate("Promise.allSettled(document.getAnimations().map(one => one.finished))")
    await page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    (DOCS / f"{name}.webp").write_bytes(await page.picture("webp"))


@asynccontextmanager
async def used(url: str) -> AsyncIterator[None]:
    """A system that several users read and write meanwhile."""

    async def use(number: int) -> None:
        async with new_user(url) as user:
            while True:
                for _ in range(1 + number):
                    await user.get("/tasks?limit=20")
                await user.post("/tasks", json={"title": "Buy milk"})

    using = [asyncio.create_task(use(number)) for number in range(4)]
    try:
        yield
    finally:
        for task in using:
            task.cancel()
        await asyncio.gather(*using, return_exceptions=True)


async def status_pages(browser: Browser, stack: Stack) -> None:
    """The status page of a system in use, in both schemes."""
    url = stack.addresses.gateway_admin_url

    async def is_long_enough() -> bool:
        async with httpx.AsyncClient(timeout=5) as client:
            return len((await client.get(f"{url}/history.json")).json()) >= SAMPLES

    async with used(stack.addresses.gateway_url), browser.visitor() as context:
        await eventually(is_long_enough, within_s=120)
        page = await browser.open(f"{url}/", context, window=STATUS_WINDOW)
        await page.shows("document.querySelectorAll('[data-component][data-state=up]').length === 6")
        for suffix, scheme in SCHEMES.items():
            await page.look_like(STATUS_WINDOW, scheme)
            await keep(page, f"status-page{suffix}")


async def screens(url: str) -> None:
    """The command `taskwire` in a terminal."""
    user = str(uuid4())
    known = {"TASKWIRE_URL": url, "TASKWIRE_USER": user, "NO_PROXY": "*"}
    async with httpx.AsyncClient(base_url=f"{url}/api/{user}", timeout=10) as client:
        made = [(await client.post("/tasks", json={"title": title})).json() for title in TITLES]
        await client.put(
            f"/tasks/{made[0]['id']}",
            json={"title": TITLES[0], "description": "what a lost node costs", "is_completed": True},
        )
    last = made[-1]["id"][-8:]
    sessions = {
        "help": ["taskwire --help"],
        "ls": ["taskwire ls --state all", "taskwire search zoë"],
        "show": [f"taskwire show {last}", f"taskwire done {last}"],
        "error": ["taskwire add ' '", "taskwire show 0000", "taskwire --url http://127.0.0.1:1 --patience 0 ls"],
    }
    SCREENS.mkdir(exist_ok=True)
    for name, commands in sessions.items():
        (SCREENS / f"{name}.svg").write_text(await terminal_pictures.taken(PROGRAM, commands, known))
    (SCREENS / "watch.svg").write_text(await watching(url, known))


async def watching(url: str, known: Mapping[str, str]) -> str:
    """`taskwire watch`, while somebody else works on the same list."""
    async with (
        httpx.AsyncClient(base_url=f"{url}/api/{known['TASKWIRE_USER']}", timeout=10) as client,
        terminal_pictures.running([PROGRAM, "watch"], known) as terminal,
    ):
        await terminal.shows("0 done")
        task = (await client.post("/tasks", json={"title": "Water the plants"})).json()["id"]
        await terminal.shows("Water the plants")
        await client.patch(f"/tasks/{task}/complete", params={})
        await terminal.shows("done    ")
        await client.delete(f"/tasks/{task}")
        await terminal.shows("deleted ")
        terminal.interrupt()
    return terminal_pictures.svg([("taskwire watch", bytes(terminal.shown))])


async def main() -> None:
    """Takes all of them; two minutes."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running_stack(stack_settings(Path(folder) / "stack")) as stack,
            running_browser(Path(folder) / "chromium") as browser,
        ):
            await screens(stack.addresses.gateway_url)
            await home_pages(browser, stack.addresses.gateway_url)
            await status_pages(browser, stack)


if __name__ == "__main__":
    asyncio.run(main())
