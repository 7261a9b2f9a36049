"""Text comes back as it was sent, character for character, and its limits are counted in characters."""

import json

import httpx
import pytest

from .expectations import spelling
from .tasks import CREATE, GET, LIST, REPLACE, create, fetch

TEXTS = {
    "blanks around": "  buy milk\t\n",
    "inner blanks": "buy   milk",
    "lines": "buy milk\r\nbuy bread\n",
    "quotes": '"it\'s" `here` “there”',
    "backslashes": "C:\\temp\\new\\u0041 \\\\ \\",
    "slashes": "a/b//c </script>",
    "HTML": '<img src=x onerror="alert(1)">&amp;&#39;<b>',
    "SQL": "'; DROP TABLE tasks; --",
    "SQL dollars": "$$ $1 $tag$ :name ::text",
    "percent formats": "100 % %s %d %(title)s %%",
    "brace formats": "{} {0} {title} {{ }}",
    "JSON": '{"id": null, "tasks": [1, "two"]}',
    "the word null": "null",
    "PostgreSQL escapes": "\\x00 E'\\n' U&'\\0061'",
    "accents": "Crème brûlée für Åse",
    "decomposed accents": "Cre\u0300me bru\u0302le\u0301e",
    "Greek, Cyrillic, Hebrew, Arabic": "Ελλάδα Россия שלום سلام",
    "Chinese, Japanese, Korean, Thai": "任务 タスク 작업 งาน",
    "emoji": "🥛 \U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 👍\U0001f3fd \U0001f1f3\U0001f1f1",
    "astral letters": "\U0001d4af\U0001d4b6\U0001d4c8\U0001d4c0 \U00020bb7野家 \U00010348",
    "line and paragraph separators": "a\u2028b\u2029c",
    "invisible characters": "a\u200bb\u200dc\u00add\ufeffe",
    "direction overrides": "\u202eabc\u202c \u2066def\u2069",
    "non-characters": "a\ufffeb\uffffc\U0010ffffd",
    "private use": "\ue000\uf8ff\U000f0000",
    "replacement character": "a\ufffdb",
}
# NUL is the one that PostgreSQL cannot hold; C1 controls are among them for the sake of U+0085, a line end to some.
CONTROLS = {f"U+{code:04X}": chr(code) for code in [*range(0x01, 0x20), 0x7F, 0x80, 0x85, 0x9F]}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_text_comes_back_as_it_was_sent(api: httpx.Client, user_id: str, text: str) -> None:
    task = create(api, user_id, title=text, description=text)

    fetched = fetch(api, user_id, task["id"])

    assert (fetched["title"], fetched["description"]) == (text, text)


@pytest.mark.parametrize("text", [*TEXTS.values(), *CONTROLS.values()], ids=[*TEXTS.keys(), *CONTROLS.keys()])
def test_text_is_spelled_alike_in_every_answer(api: httpx.Client, user_id: str, text: str) -> None:
    created = api.post(CREATE.url(user_id, ""), json={"title": f"a{text}", "description": text})
    task_id = created.json()["id"]

    fetched, listed = api.get(GET.url(user_id, task_id)), api.get(LIST.url(user_id, ""))

    assert spelling(created) == spelling(fetched) == spelling(listed)


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_a_control_character_comes_back_as_it_was_sent(api: httpx.Client, user_id: str, control: str) -> None:
    body = json.dumps({"title": f"a{control}b", "description": control})

    created = api.post(CREATE.url(user_id, ""), content=body, headers={"Content-Type": "application/json"})

    fetched = fetch(api, user_id, created.json()["id"])
    assert (fetched["title"], fetched["description"]) == (f"a{control}b", control)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_replaced_text_comes_back_as_it_was_sent(api: httpx.Client, user_id: str, text: str) -> None:
    task = create(api, user_id)

    replaced = api.put(REPLACE.url(user_id, task["id"]), json={"title": text, "description": text})

    assert replaced.json() == {**task, "title": text, "description": text}


@pytest.mark.parametrize("character", ["x", "é", "任", "😀", "\u0301", "\u0001"], ids=ascii)
@pytest.mark.parametrize(("field", "limit"), [("title", 255), ("description", 2_000)])
def test_the_limit_is_counted_in_characters(
    api: httpx.Client, user_id: str, field: str, limit: int, character: str
) -> None:
    text = character * limit

    task = create(api, user_id, **{field: text})

    assert task[field] == text  # type: ignore[literal-required]  # both fields are text of a task


def test_an_escaped_surrogate_pair_is_one_character(api: httpx.Client, user_id: str) -> None:
    body = b'{"title": "' + rb"\ud83d\ude00" * 255 + b'"}'

    response = api.post(CREATE.url(user_id, ""), content=body, headers={"Content-Type": "application/json"})

    assert (response.status_code, response.json()["title"]) == (201, "😀" * 255)


@pytest.mark.parametrize("title", ["x", "0", ".", "\u0001", "\u0301", "\u200b\u4efb", "\ufeffx"], ids=ascii)
def test_one_character_that_shows_something_is_title_enough(api: httpx.Client, user_id: str, title: str) -> None:
    task = create(api, user_id, title=title)

    assert task["title"] == title
