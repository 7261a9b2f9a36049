"""Debian's Chromium without a window, driven by its own protocol: what a person does with mouse and keyboard.

https://chromedevtools.github.io/devtools-protocol/ over one WebSocket. No library: the usual ones bring a browser or a
second runtime, and the tests need a dozen commands.
"""

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest

from tests.waiting import eventually

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED: needs Debian's package chromium")

PHONE, DESK = (390, 844), (1100, 820)
LIMIT_S = 30.0

MIDDLE = """element => {
    element.scrollIntoView({ block: "center" });
    const box = element.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
}"""

type Scheme = Literal["light", "dark"]


class Page:
    """One tab. `complaints` are uncaught errors, and what the console says is wrong, such as a refused script."""

    def __init__(self, browser: "Browser", target: str, session: str) -> None:
        self.complaints: list[str] = []
        self.target = target
        self._browser = browser
        self._session = session

    async def send(self, method: str, **parameters: Any) -> Any:
        return await self._browser.send(method, self._session, **parameters)

    async def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression, awaited. AssertionError when it raises."""
        answer = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def shows(self, expression: str) -> None:
        """Returns once the expression is true, and raises nothing: the page may be loading."""

        async def is_true() -> bool:
            with suppress(AssertionError):  # between two documents there is nothing to evaluate it in
                return bool(
                    await self.evaluate(f"(() => {{ try {{ return {expression} }} catch {{ return false }} }})()")
                )
            return False

        await eventually(is_true, within_s=LIMIT_S)

    async def click(self, selector: str) -> None:
        """Presses and releases the mouse on the middle of the element, or what lies above it, once it is there."""
        await self.send("Page.bringToFront")
        found = f"document.querySelector({json.dumps(selector)})"
        await self.shows(f"{found} !== null && {found}.getClientRects().length > 0")
        x, y = await self.evaluate(f"({MIDDLE})({found})")
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def type(self, text: str) -> None:
        """Types into what has the focus."""
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Presses a key by its name and number, such as Tab, 9; `text` is what it writes."""
        named = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **named)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **named)

    async def look_like(self, window: tuple[int, int], scheme: Scheme) -> None:
        """Sets the size of the window, and what prefers-color-scheme says."""
        width, height = window
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def lose_one_answer(self, pattern: str) -> None:
        """The next answer to a request of such an address arrives at the browser, but not at the page."""
        await self.send("Fetch.enable", patterns=[{"urlPattern": pattern, "requestStage": "Response"}])

    async def lose(self, request: str) -> None:
        await self.send("Fetch.failRequest", requestId=request, errorReason="ConnectionReset")
        await self.send("Fetch.disable")

    async def picture(self, form: Literal["png", "webp"] = "png") -> bytes:
        """The window as a picture."""
        await self.send("Page.bringToFront")  # what nobody sees is not drawn
        return base64.b64decode((await self.send("Page.captureScreenshot", format=form))["data"])


class Browser:
    """A running Chromium and the connection to it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._pages: dict[str, Page] = {}
        self._losing = set[asyncio.Task[None]]()

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[str]:
        """The id of a visitor who was never here: the pages that are opened for one share what they store."""
        context = (await self.send("Target.createBrowserContext"))["browserContextId"]
        try:
            yield context
        finally:
            await self.send("Target.disposeBrowserContext", browserContextId=context)

    async def open(self, url: str, visitor: str, window: tuple[int, int] = DESK, scheme: Scheme = "light") -> Page:
        """A new tab with this page, which may still be loading."""
        target = (await self.send("Target.createTarget", url="about:blank", browserContextId=visitor))["targetId"]
        session = (await self.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, target, session)
        for domain in ("Runtime", "Log", "Page"):
            await page.send(f"{domain}.enable")
        await page.look_like(window, scheme)
        await page.send("Page.navigate", url=url)
        return page

    async def send(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """The answer to a command. AssertionError when it is an error."""
        number = next(self._numbers)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json(message if session is None else message | {"sessionId": session})
        async with asyncio.timeout(LIMIT_S):
            answer = await asked
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    async def listen(self) -> None:
        """Reads answers and events until the connection ends."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._asked.pop(said["id"]).set_result(said)
            elif page := self._pages.get(said.get("sessionId", "")):
                page.complaints += _complaints(said["method"], said["params"])
                if said["method"] == "Fetch.requestPaused":
                    self._losing.add(asyncio.create_task(page.lose(said["params"]["requestId"])))


def _complaints(event: str, said: dict[str, Any]) -> list[str]:
    if event == "Runtime.exceptionThrown":
        return [json.dumps(said["exceptionDetails"])]
    if event == "Log.entryAdded" and said["entry"]["level"] == "error":
        return [f"{said['entry']['text']} {said['entry'].get('url', '')}"]
    return []


@asynccontextmanager
async def running_browser(profile: Path) -> AsyncIterator[Browser]:
    """A Chromium of its own, with its data in this folder; ended on exit."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *flags,
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(await _address(profile), max_msg_size=0) as ws,
        ):
            browser = Browser(ws)
            listening = asyncio.create_task(browser.listen())
            yield browser
            listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _address(profile: Path) -> str:
    """Where Chromium listens, which it writes into a file once it does."""
    file = profile / "DevToolsActivePort"

    async def is_written() -> bool:
        return file.exists() and file.read_text().count("\n") > 0

    await eventually(is_written, within_s=LIMIT_S)
    port, path = file.read_text().split("\n")[:2]
    return f"ws://127.0.0.1:{port}{path}"
