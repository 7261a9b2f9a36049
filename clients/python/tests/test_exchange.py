"""What is sent again, when, under which key, and what is raised in the end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest
from taskwire_client import (
    NoAnswerError,
    NotAllowed,
    Options,
    OutcomeUnknown,
    Problem,
    Retries,
    TaskNotFound,
    Unavailable,
)
from taskwire_client.exchange import Answer, Attempt, Call, NoAnswer, Outcome, perform
from taskwire_client.operations import Operation, Target, batch, create, get
from taskwire_client.problems import TaskwireError, UnexpectedAnswerError

USER = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11")
TASK = (
    b'{"id":"b0f2e817-358d-4049-a335-6464f1071bec","title":"Buy milk","description":null,"is_completed":false,'
    b'"created_at":"2026-11-23T01:43:50.378975+00:00","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","new":1}'
)
CREATED = Answer(201, {"etag": '"1-17"'}, TASK)
LOST = NoAnswer("the connection broke", may_have_arrived=True)
REFUSED = NoAnswer("nobody listens", may_have_arrived=False)


def problem(status: int, slug: str = "some", **headers: str) -> Answer:
    return Answer(status, headers, f'{{"type": "urn:taskwire:problem:{slug}", "title": "t", "detail": "d"}}'.encode())


class Run:
    """A call that is answered with these outcomes; time passes by its pauses alone."""

    def __init__(self, outcomes: Sequence[Outcome], options: Options | None = None) -> None:
        self.outcomes = list(outcomes)
        self.options = options or Options()
        self.attempts: list[Attempt] = []
        self.now_s = 0.0

    def of[T](self, call: Call[T]) -> T:
        steps = perform(call, self.options, lambda _: None, lambda: self.now_s)
        try:
            attempt = next(steps)
            while True:
                self.attempts.append(attempt)
                self.now_s += attempt.after_s
                attempt = steps.send(self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0])
        except StopIteration as done:
            result: T = done.value
            return result


@pytest.mark.parametrize("passing", [LOST, REFUSED, *map(problem, [408, 429, 502, 503, 504])])
def test_what_passes_is_sent_again_under_the_same_key(passing: Outcome) -> None:
    run = Run([passing, passing, CREATED])

    task = run.of(create(USER, {"title": "Buy milk"}, None))

    assert (task.title, task.etag) == ("Buy milk", '"1-17"')
    assert len(run.attempts) == 3
    assert len({(attempt.request.headers["idempotency-key"], attempt.request.body) for attempt in run.attempts}) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 412, 413, 415, 422, 500, 501])
def test_what_no_repetition_mends_is_raised_at_once(status: int) -> None:
    run = Run([problem(status), CREATED])

    with pytest.raises(Problem) as raised:
        run.of(create(USER, {"title": "Buy milk"}, None))

    assert (raised.value.status, len(run.attempts)) == (status, 1)


def test_two_writes_have_two_keys() -> None:
    first, second = (create(USER, {"title": "Buy milk"}, None) for _ in range(2))

    assert first.key != second.key


def test_pauses_grow_and_end_in_time() -> None:
    options = Options(retries=Retries(total_s=60, first_pause_s=1, longest_pause_s=8))
    run = Run([LOST], options)

    with pytest.raises(NoAnswerError):
        run.of(create(USER, {"title": "Buy milk"}, None))

    pauses = [attempt.after_s for attempt in run.attempts]
    assert pauses[0] == 0
    assert all(pause <= min(8, 2.0 ** (number - 1)) for number, pause in enumerate(pauses[1:], start=1))
    assert run.now_s < 60
    assert all(attempt.timeout_s <= 10 for attempt in run.attempts)


def test_an_attempt_does_not_outlast_the_total() -> None:
    run = Run([LOST], Options(timeout_s=10, retries=Retries(total_s=4, first_pause_s=2)))

    with pytest.raises(NoAnswerError):
        run.of(get(Target.of(USER, USER)))

    begins_s = 0.0
    for attempt in run.attempts[1:]:
        begins_s += attempt.after_s
        assert begins_s + attempt.timeout_s == pytest.approx(4)


@pytest.mark.parametrize("date", [False, True])
def test_retry_after_is_waited_for(date: bool) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True) if date else "7"
    run = Run([problem(503, **{"retry-after": at}), CREATED])

    run.of(create(USER, {"title": "Buy milk"}, None))

    assert 6.5 <= run.attempts[1].after_s <= 8.5


def test_a_retry_after_beyond_the_total_ends_it() -> None:
    run = Run([problem(503, "not-done", **{"retry-after": "3600"})])

    with pytest.raises(Unavailable) as raised:
        run.of(create(USER, {"title": "Buy milk"}, None))

    assert (len(run.attempts), raised.value.retry_after_s, raised.value.may_be_done) == (1, 3600, False)


NEVER = Options(retries=Retries(total_s=0))


def test_without_retries_there_is_one_attempt() -> None:
    run = Run([LOST], NEVER)

    with pytest.raises(NoAnswerError):
        run.of(get(Target.of(USER, USER)))

    assert [attempt.timeout_s for attempt in run.attempts] == [10]


@pytest.mark.parametrize(
    ("outcomes", "error", "may_be_done"),
    [
        ([problem(503)], Unavailable, False),
        ([REFUSED], NoAnswerError, False),
        ([problem(504)], OutcomeUnknown, True),
        ([LOST], NoAnswerError, True),
        ([LOST, problem(503)], Unavailable, True),
        ([problem(504), REFUSED], NoAnswerError, True),
        ([problem(504), problem(401)], Problem, True),
        ([problem(504), problem(404, "task-not-found")], TaskNotFound, False),
    ],
)
def test_an_error_says_whether_the_write_may_be_done(
    outcomes: list[Outcome], error: type[TaskwireError], may_be_done: bool
) -> None:
    with pytest.raises(error) as raised:
        Run(outcomes, Options(retries=Retries(total_s=3))).of(create(USER, {"title": "Buy milk"}, "monday"))

    assert (raised.value.may_be_done, raised.value.key) == (may_be_done, "monday")


def test_a_read_has_no_key() -> None:
    with pytest.raises(NoAnswerError) as raised:
        Run([LOST], NEVER).of(get(Target.of(USER, USER)))

    assert (raised.value.may_be_done, raised.value.key) == (False, None)


def test_a_batch_is_sent_again_until_each_outcome_is_certain() -> None:
    open_ = Answer(200, {}, b'{"results": [{"status": 204}, {"status": 504, "problem": {"detail": "unknown"}}]}')
    certain = Answer(200, {}, b'{"results": [{"status": 204}, {"status": 204}]}')
    run = Run([open_, certain])

    results = run.of(batch(USER, [Operation.delete(USER), Operation.delete(USER)], None))

    assert [result.status for result in results] == [204, 204]
    assert len({attempt.request.headers["idempotency-key"] for attempt in run.attempts}) == 1


def test_a_batch_that_was_done_in_part_may_be_done() -> None:
    open_ = Answer(200, {}, b'{"results": [{"status": 204}, {"status": 504, "problem": {"detail": "unknown"}}]}')

    with pytest.raises(Unavailable) as raised:
        Run([open_, problem(503)], Options(retries=Retries(total_s=2))).of(
            batch(USER, [Operation.delete(USER)] * 2, None)
        )

    assert raised.value.may_be_done


@pytest.mark.parametrize("text", ["soon", "", "-1", "Mon, 99 Foo 2026", "Fri, 31 Dec 9999 23:59:59 -2359", "1.5"])
def test_a_retry_after_that_cannot_be_read_is_ignored(text: str) -> None:
    assert Answer(503, {"retry-after": text}, b"").retry_after_s is None


def test_a_batch_that_stays_uncertain_is_returned_with_its_problems() -> None:
    open_ = Answer(200, {}, b'{"results": [{"status": 204}, {"status": 504, "problem": {"detail": "unknown"}}]}')

    results = Run([open_], NEVER).of(batch(USER, [Operation.delete(USER), Operation.delete(USER)], None))

    assert results[0].problem is None
    assert isinstance(results[1].problem, OutcomeUnknown)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": 1}', b"null"])
def test_what_is_no_answer_of_this_api_is_said_to_be(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError):
        Run([Answer(200, {}, body)]).of(get(Target.of(USER, USER)))


@pytest.mark.parametrize("status", [100, 302, 304])
def test_a_status_that_this_api_does_not_have_is_unexpected(status: int) -> None:
    with pytest.raises(UnexpectedAnswerError):
        Run([Answer(status, {}, b"")]).of(get(Target.of(USER, USER)))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>502 Bad Gateway</html>",
        b"[1]",
        b"",
        b'{"errors": null}',
        b'{"errors": [1]}',
        b'{"errors": 5}',
        b'{"errors": {"a": {}}}',
    ],
)
def test_an_error_of_something_in_front_is_a_problem_of_its_status(body: bytes) -> None:
    with pytest.raises(NotAllowed, match="Forbidden"):
        Run([Answer(403, {}, body)]).of(get(Target.of(USER, USER)))
