"""The home page: two windows see each other's changes, nothing is lost or doubled, and everybody can use it."""

import json

import httpx
import pytest
from gateway.home import FILES

from tests.browser import DESK, NEEDS_CHROMIUM, PHONE, Scheme
from tests.pictures import READABLE, VISIBLE, contrast, palettes, rgb, size

from .visiting import ENTER, SPACE, TAB, TITLES, Visitor, add, open_editor, shows_title, shows_titles, user_of

STYLE = (FILES / "home.css").read_text()
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
PARTS = {"body": "ground", ".card": "card", "button.primary": "accent"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


@NEEDS_CHROMIUM
async def test_two_windows_see_each_others_changes(visitor: Visitor) -> None:
    one, other = await visitor.open(), await visitor.open()

    await add(one, "Buy milk")
    await shows_titles(other, "Buy milk")
    await add(other, "Call Zoë")
    await shows_titles(one, "Call Zoë", "Buy milk")
    await one.click(".task:nth-child(2) .done")
    await other.shows("document.querySelector('.task:nth-child(2)').matches('.is-done:has(.done:checked)')")
    await open_editor(other, ".task:nth-child(1)")
    await other.type("Call Zoë back")
    await other.press(*ENTER)
    await shows_title(one, "Call Zoë back")
    await one.click(".task:nth-child(2) .delete")
    await shows_titles(other, "Call Zoë back")
    await other.shows("document.querySelector('#counts').textContent === '1 open, 0 done'")

    assert one.complaints + other.complaints == []


@NEEDS_CHROMIUM
async def test_a_write_whose_answer_is_lost_is_sent_again_and_takes_effect_once(visitor: Visitor) -> None:
    page = await visitor.open()
    await page.lose_one_answer("*/tasks")

    await add(page, "Buy milk")
    await page.shows("document.querySelectorAll('#wire .good').length === 1")

    statuses = await page.evaluate("[...document.querySelectorAll('#wire .result')].map(one => one.textContent)")
    assert any("no answer" in one for one in statuses)
    async with httpx.AsyncClient(base_url=f"{visitor.gateway_url}/api/{await user_of(page)}") as user:
        assert [task["title"] for task in (await user.get("/tasks")).json()] == ["Buy milk"]


@NEEDS_CHROMIUM
async def test_what_somebody_else_has_changed_is_not_overwritten_unseen(visitor: Visitor) -> None:
    page = await visitor.open()
    await add(page, "Buy milk")
    await open_editor(page, ".task")
    async with httpx.AsyncClient(base_url=f"{visitor.gateway_url}/api/{await user_of(page)}") as user:
        (task,) = (await user.get("/tasks")).json()
        await user.patch(f"/tasks/{task['id']}", content=json.dumps({"title": "Buy bread"}), headers=MERGE_PATCH)

        await page.type("Buy butter")
        await page.press(*ENTER)
        await page.shows("document.querySelector('.conflict').textContent.includes('“Buy bread”')")
        before = (await user.get(f"/tasks/{task['id']}")).json()["title"]
        await page.click(".save")
        await page.shows("document.querySelector('.editor') === null")

        assert before == "Buy bread"
        assert (await user.get(f"/tasks/{task['id']}")).json()["title"] == "Buy butter"


@NEEDS_CHROMIUM
async def test_a_task_is_text_whatever_it_says(visitor: Visitor) -> None:
    page = await visitor.open()

    await add(page, HOSTILE)
    await page.click(".task .edit")
    await page.shows("document.querySelector('.editor') !== null")

    assert await page.evaluate(TITLES) == [HOSTILE]
    assert await page.evaluate("document.title") == "Taskwire"
    assert await page.evaluate("document.querySelectorAll('#tasks img, #tasks script').length") == 0
    assert page.complaints == []


@NEEDS_CHROMIUM
async def test_the_policy_of_the_page_lets_no_other_script_run(visitor: Visitor) -> None:
    page = await visitor.open()

    ran = await page.evaluate(
        "(() => { const made = document.createElement('script'); try { made.text = 'window.ran = true' } catch {}"
        " document.head.append(made); return window.ran === true })()"
    )

    assert ran is False


@NEEDS_CHROMIUM
async def test_the_keyboard_is_enough(visitor: Visitor) -> None:
    page = await visitor.open()
    await add(page, "Buy milk")

    for _ in range(3):  # over the button and the filter to the box of the task
        await page.press(*TAB)
    await page.press(*SPACE)
    await page.shows("document.querySelector('.task').classList.contains('is-done')")
    await page.press(*TAB)
    await page.press(*ENTER)
    await page.shows("document.activeElement.className === 'edit-title'")
    await page.press("Escape", 27)
    await page.shows("document.activeElement.className === 'edit'")
    await page.press(*TAB)
    await page.press(*ENTER)
    await shows_titles(page)

    assert await page.evaluate("document.activeElement.id") == "tasks"  # not lost with what had it


@NEEDS_CHROMIUM
async def test_everything_that_can_be_used_has_a_name(visitor: Visitor) -> None:
    page = await visitor.open()
    await add(page, "Buy milk")
    await open_editor(page, ".task")

    nodes = (await page.send("Accessibility.getFullAXTree"))["nodes"]
    used = {"button", "checkbox", "textbox", "radio", "link", "list", "log"}
    names = [
        (node["role"]["value"], node["name"]["value"])
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in used
    ]

    assert [role for role, name in names if not name.strip()] == []
    assert {("checkbox", "Buy milk"), ("button", "Delete Buy milk"), ("textbox", "New task")} <= set(names)


@NEEDS_CHROMIUM
@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_every_window_in_the_colours_of_its_scheme(
    visitor: Visitor, window: tuple[int, int], scheme: Scheme
) -> None:
    page = await visitor.open(window=window, scheme=scheme)
    await add(page, "A task with a long word: " + "x" * 80)

    drawn = {
        part: await page.evaluate(f"getComputedStyle(document.querySelector('{part}')).backgroundColor")
        for part in PARTS
    }

    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert size(await page.picture()) == window
    assert drawn == {part: f"rgb{rgb(palettes(STYLE)[scheme][name])}" for part, name in PARTS.items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_of_it_can_be_read_in_either_scheme(scheme: str) -> None:
    palette = palettes(STYLE)[scheme]

    assert contrast(palette["on_accent"], palette["accent"]) >= READABLE
    for behind in ("card", "ground", "tint"):
        for name in ("ink", "quiet", "accent"):
            assert contrast(palette[name], palette[behind]) >= READABLE, (name, behind)
    for name in ("up", "down"):
        assert contrast(palette[name], palette["card"]) >= READABLE, name
    for name in ("edge", "warn"):
        assert contrast(palette[name], palette["card"]) >= VISIBLE, name
