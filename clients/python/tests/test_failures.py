"""Each error has its exit status and says what may be done."""

import pytest
from taskwire_client import NoAnswerError, TaskwireError, UnexpectedAnswerError
from taskwire_client.cli.failures import lines_about, status_of
from taskwire_client.problems import problem_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        *((problem_of(status, {}), 1) for status in (400, 405, 413, 415, 422, 500)),
        (UnexpectedAnswerError("what is this?"), 1),
        (problem_of(404, {"type": "urn:taskwire:problem:task-not-found"}), 3),
        *((problem_of(status, {}), 4) for status in (409, 412)),
        *((problem_of(status, {}), 5) for status in (408, 429, 502, 503, 504)),
        (NoAnswerError("nobody there"), 5),
        *((problem_of(status, {}), 6) for status in (401, 403)),
    ],
)
def test_each_error_has_its_status(error: TaskwireError, status: int) -> None:
    assert status_of(error) == status


def test_the_errors_of_a_body_are_said_one_by_one() -> None:
    faults = [{"pointer": "#/title", "detail": "too long"}, {"pointer": "#/description", "detail": "too long as well"}]

    assert list(lines_about(problem_of(422, {"detail": "See errors", "errors": faults}))) == [
        "title: too long",
        "description: too long as well",
    ]


def test_a_write_that_may_be_done_says_so() -> None:
    error = problem_of(504, {"detail": "nobody knows"})
    error.may_be_done = True

    assert list(lines_about(error)) == [
        "nobody knows",
        "It may have been done all the same: look before you try again.",
    ]
