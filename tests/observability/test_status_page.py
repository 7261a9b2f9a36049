"""The status page in a real browser: it draws what happens, and says what is down."""

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway.status import PAGE
from local_stack.stack import Stack

from tests.browser import CHROMIUM, NEEDS_CHROMIUM, running_browser
from tests.pictures import READABLE, VISIBLE, colours, contrast, palettes, rgb, size
from tests.users import new_user
from tests.waiting import eventually

SOME_SAMPLES = 3
GROUND = 104.0  # where a chart has its zero
PHONE, DESK = (390, 1500), (1100, 900)
SCHEMES = {"dark": 0, "light": 1}  # as Chromium numbers them


async def status(stack: Stack) -> Any:
    async with httpx.AsyncClient(timeout=5) as client:
        return (await client.get(f"{stack.addresses.gateway_admin_url}/status.json")).json()


async def status_with_databases(stack: Stack) -> Any:
    """The same once the task-reader has said how its database is: the page leaves out who is not fast enough."""
    said: list[Any] = []

    async def reader_has_answered() -> bool:
        said.append(await status(stack))
        return bool(said[-1]["postgres"]["readers"])

    await eventually(reader_has_answered)
    return said[-1]


async def writers(stack: Stack) -> int | None:
    """How many task-writers the gateway sees."""
    consumers: int | None = (await status(stack))["queue"]["consumers"]
    return consumers


async def use(stack: Stack, stop: asyncio.Event) -> None:
    """Reads and writes until it is stopped."""
    async with new_user(stack.addresses.gateway_url) as user:
        while not stop.is_set():
            await asyncio.gather(user.get("/tasks"), user.post("/tasks", json={"title": "Buy milk"}))


async def shown(url: str, directory: Path, window: tuple[int, int], *more: str) -> str:
    """The page as Chromium has it after eight seconds of its own time; its picture is `page.png` in the directory."""
    arguments = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--user-data-dir={directory / 'profile'}",
        f"--window-size={window[0]},{window[1]}",
        *more,
        url,
    ]
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=directory
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return output.decode()


async def page_of(stack: Stack, directory: Path) -> str:
    return await shown(
        f"{stack.addresses.gateway_admin_url}/", directory, DESK, "--virtual-time-budget=8000", "--dump-dom"
    )


def states(page: str) -> dict[str, str]:
    """What the page says of each component."""
    return dict(re.findall(r'data-component="([^"]+)" data-state="([^"]+)"', page))


async def test_the_numbers_behind_the_page_are_those_of_the_gateway(stack: Stack) -> None:
    before = await status(stack)
    async with new_user(stack.addresses.gateway_url) as user:
        await user.get("/tasks")
        await user.post("/tasks", json={"title": "Buy milk"})
        await user.post("/tasks", json={"title": ""})

    after = await status_with_databases(stack)

    assert after["components"] == {"task_reader": "up", "bus": "up"}
    assert after["postgres"] == {"state": "up", "readers": 1, "is_late": False, "replicas": []}
    assert [after[kind]["requests"] - before[kind]["requests"] for kind in ("reads", "writes")] == [1, 2]
    assert [after[kind]["items"] - before[kind]["items"] for kind in ("reads", "writes")] == [1, 1]
    assert after["reads"]["latency"][-1] == [None, after["reads"]["requests"]]
    json.dumps(after, allow_nan=False)


async def test_the_page_needs_nothing_from_elsewhere(stack: Stack) -> None:
    async with httpx.AsyncClient(timeout=5) as client:
        answer = await client.get(f"{stack.addresses.gateway_admin_url}/")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert set(re.findall(r"https?://[^\"'\s]+", answer.text)) == {
        "http://www.w3.org/2000/svg"
    }  # a name, not an address


@NEEDS_CHROMIUM
async def test_it_draws_lines_of_what_happens_and_says_that_all_is_up(stack: Stack, tmp_path: Path) -> None:
    async def all_is_known() -> bool:
        return await writers(stack) == 1

    await eventually(all_is_known)
    stop = asyncio.Event()
    using = asyncio.create_task(use(stack, stop))
    page = await page_of(stack, tmp_path)
    stop.set()
    await using

    assert states(page) == {
        "gateway": "up",
        "task-reader": "up",
        "RabbitMQ": "up",
        "PostgreSQL": "up",
        "task-writers": "up",
        "dead letters": "up",
    }
    rate = page.partition('id="rate"')[2].partition("</article>")[0]
    drawn = dict(re.findall(r'class="line (\w+)" d="([^"]+)"', rate))
    assert list(drawn) == ["reads", "writes"]
    for path in drawn.values():  # a line of several points, which was above the ground at times
        heights = {float(height) for height in re.findall(r"[ML][\d.]+ ([\d.]+)", path)}
        assert "L" in path
        assert re.search(r"M[\d.]+ [\d.]+h0", path)  # one point alone is a dot
        assert min(heights) < GROUND


@NEEDS_CHROMIUM
async def test_it_does_not_open_empty(stack: Stack, tmp_path: Path) -> None:
    async def some_samples_are_kept() -> bool:
        async with httpx.AsyncClient(timeout=5) as client:
            kept = (await client.get(f"{stack.addresses.gateway_admin_url}/history.json")).json()
        return len(kept) >= SOME_SAMPLES

    await eventually(some_samples_are_kept, within_s=30)
    async with running_browser(tmp_path / "chromium") as browser, browser.visitor() as visitor:
        page = await browser.open(f"{stack.addresses.gateway_admin_url}/", visitor)
        await page.shows("document.querySelector('#when').textContent !== ''")
        drawn = await page.evaluate("document.querySelector('#waiting .line').getAttribute('d')")

    first, last = (float(place) for place in (re.findall(r"[ML]([\d.]+) ", drawn)[n] for n in (0, -1)))
    assert last - first > 5.0  # of 320 for two minutes, or more where the window is wide
    assert page.complaints == []


@NEEDS_CHROMIUM
async def test_it_says_what_is_down(stack: Stack, tmp_path: Path) -> None:
    async def writer_is_missed() -> bool:
        return await writers(stack) == 0

    async def writer_is_back() -> bool:
        return await writers(stack) == 1

    await stack.services["task-writer"].stop()
    try:
        await eventually(writer_is_missed)
        page = await page_of(stack, tmp_path)
    finally:
        await stack.services["task-writer"].start()
        await eventually(writer_is_back)

    assert states(page)["task-writers"] == "down"
    assert "look at task-writers" in page


@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_of_it_can_be_read_in_either_scheme(scheme: str) -> None:
    colours_of = palettes(PAGE.read_text())[scheme]

    for behind in ("card", "ground"):
        for name in ("ink", "quiet", "up", "down", "unknown"):
            assert contrast(colours_of[name], colours_of[behind]) >= READABLE, (name, behind)
        for name in ("reads", "writes"):
            assert contrast(colours_of[name], colours_of[behind]) >= VISIBLE, (name, behind)


@NEEDS_CHROMIUM
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
async def test_its_picture_fills_the_window_and_has_the_colours_of_its_scheme(
    stack: Stack, tmp_path: Path, window: tuple[int, int], scheme: str
) -> None:
    stop = asyncio.Event()
    using = asyncio.create_task(use(stack, stop))
    url = f"{stack.addresses.gateway_admin_url}/"
    scheme_flag = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    await shown(url, tmp_path, window, "--virtual-time-budget=8000", "--screenshot=page.png", scheme_flag)
    stop.set()
    await using

    picture = (tmp_path / "page.png").read_bytes()
    assert size(picture) == window
    wanted = {rgb(palettes(PAGE.read_text())[scheme][name]) for name in ("ground", "card", "reads", "writes", "up")}
    assert wanted <= colours(picture)
