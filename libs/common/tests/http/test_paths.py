"""Which ids a path may have."""

import pytest
from common.http.paths import path_uuid
from common.http.problems import INVALID_ID, Problem
from starlette.requests import Request

CANONICAL = "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"


def request(text: str) -> Request:
    """A request whose path has `text` as its user_id."""
    return Request({"type": "http", "path_params": {"user_id": text}})


@pytest.mark.parametrize(
    "text", [CANONICAL, CANONICAL.upper(), CANONICAL.title(), "0" * 8 + "-0000-0000-0000-" + "0" * 12]
)
def test_a_uuid_of_either_case_is_accepted_in_lower_case(text: str) -> None:
    assert path_uuid(request(text), "user_id") == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "me",
        CANONICAL[:-1],
        CANONICAL + "0",
        CANONICAL.replace("-", ""),
        CANONICAL.replace("-", "_"),
        CANONICAL.replace("f", "g"),
        CANONICAL.replace("0", "\uff10"),  # a digit, but none of ASCII
        f"{{{CANONICAL}}}",
        f"urn:uuid:{CANONICAL}",
        f" {CANONICAL}",
        f"{CANONICAL}\n",
        f"{CANONICAL}\0",
        f"{CANONICAL}'--",
    ],
    ids=ascii,
)
def test_anything_else_is_an_invalid_id(text: str) -> None:
    with pytest.raises(Problem) as caught:
        path_uuid(request(text), "user_id")

    assert caught.value.kind == INVALID_ID


def test_the_problem_names_the_parameter_and_not_its_value() -> None:
    with pytest.raises(Problem) as caught:
        path_uuid(request("<script>"), "user_id")

    assert ("user_id" in caught.value.detail, "script" in caught.value.detail) == (True, False)
