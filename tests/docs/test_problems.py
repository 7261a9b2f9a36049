"""Each type of problem has its section and its page, and the answers that these show are those of servers."""

import json
import re
from http import HTTPStatus

import pytest
from common.http import problems
from common.http.problems import ProblemType
from local_stack.stack import Stack

from .pages import ROOT
from .problem_answers import FILE, Answered, answers

PAGE = ROOT / "docs/problems.md"
SECTION = re.compile(r"^### (\S+)\n\n\*\*(.+?)\*\*", re.MULTILINE)
OF_THE_FRAMEWORK = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)  # common/http/problem_answers.py makes these


def described() -> dict[str, str]:
    """Status and title by the last part of the type."""
    own = {kind.slug: f"{kind.status.value} · {kind.title}." for kind in _types()}
    return own | {one.phrase.lower().replace(" ", "-"): f"{one.value} · {one.phrase}." for one in OF_THE_FRAMEWORK}


def _types() -> list[ProblemType]:
    return [one for one in vars(problems).values() if isinstance(one, ProblemType)]


def test_each_type_of_problem_has_its_section_where_old_links_lead() -> None:
    assert dict(SECTION.findall(PAGE.read_text())) == described()


def test_each_type_of_problem_has_its_page() -> None:
    pages = {page.stem: page.read_text() for page in (ROOT / "docs/problems").iterdir()}

    assert {slug: f"**{said}**" in pages.get(slug, "") for slug, said in described().items()} == dict.fromkeys(
        pages, True
    )


@pytest.fixture(scope="module")
async def happened(stack: Stack) -> dict[str, Answered]:
    """An answer of each type, as servers give it now."""
    return await answers(stack)


@pytest.mark.parametrize("slug", sorted(described()))
async def test_the_answer_that_a_page_shows_is_what_a_server_says(slug: str, happened: dict[str, Answered]) -> None:
    shown = json.loads(FILE.read_text())[slug]

    assert happened[slug] == shown, "if it is meant, run `make problem-answers`"
    status, _, title = described()[slug].partition(" · ")
    assert shown["answer"].startswith(f"HTTP/1.1 {status} ")
    body = json.loads(shown["answer"].rpartition("\n\n")[2])
    assert (body["type"], f"{body['title']}.") == (f"urn:taskwire:problem:{slug}", title)
