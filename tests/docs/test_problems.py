"""What docs/problems.md says is so: it has a section for each type of problem, with its status and title."""

import re
from http import HTTPStatus

from common.http import problems
from common.http.problems import ProblemType

from .pages import ROOT

PAGE = ROOT / "docs/problems.md"
SECTION = re.compile(r"^### (\S+)\n\n\*\*(.+?)\*\*", re.MULTILINE)
OF_THE_FRAMEWORK = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)  # common/http/problem_answers.py makes these


def test_each_type_of_problem_has_its_section() -> None:
    described = dict(SECTION.findall(PAGE.read_text()))

    own = {kind.slug: f"{kind.status.value} · {kind.title}." for kind in _types()}
    others = {one.phrase.lower().replace(" ", "-"): f"{one.value} · {one.phrase}." for one in OF_THE_FRAMEWORK}
    assert described == own | others


def _types() -> list[ProblemType]:
    return [one for one in vars(problems).values() if isinstance(one, ProblemType)]
