"""From which revision on a watch comes again, when, and when it gives up."""

from uuid import UUID

import pytest
from taskwire_client import NoAnswerError, Options, Problem, Retries, Snapshot, Unavailable, UnexpectedAnswerError
from taskwire_client.exchange import Answer, NoAnswer
from taskwire_client.watching import Update, Watch

USER = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11")
BROKEN = NoAnswer("the connection broke", may_have_arrived=True)
OPTIONS = Options(retries=Retries(total_s=5, first_pause_s=0.001))


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def watch(snapshot: Snapshot | None = None, clock: Clock | None = None) -> Watch:
    return Watch(USER, snapshot, OPTIONS, clock or Clock())


def changes(revision: int) -> bytes:
    return (
        f'event: changes\nid: {revision}\ndata: {{"revision": {revision}, "changed": [], "deleted": []}}\n\n'.encode()
    )


def told(one: Watch, chunk: bytes) -> list[Update]:
    return list(one.received(chunk))


def test_a_new_watch_asks_for_all_tasks_and_a_resumed_one_for_what_has_changed() -> None:
    assert "last-event-id" not in watch().next_attempt().request.headers
    assert watch(Snapshot(USER, 17)).next_attempt().request.headers["last-event-id"] == "17"


def test_after_a_break_it_goes_on_where_it_was_at_the_pace_of_the_server() -> None:
    one = watch()
    assert one.next_attempt().after_s == 0
    (first,) = told(one, b"retry: 1500\n\n" + changes(17))
    one.ended(BROKEN)

    again = one.next_attempt()

    assert first.is_reset
    assert again.request.headers["last-event-id"] == "17"
    assert again.after_s == pytest.approx(1.5, abs=0.01)


def test_what_was_told_before_is_not_told_again() -> None:
    one = watch(Snapshot(USER, 17))
    one.next_attempt()

    assert told(one, changes(17) + changes(16)) == []
    assert [update.is_reset for update in told(one, changes(18))] == [False]


def test_a_reset_reads_all_tasks_at_once() -> None:
    one = watch(Snapshot(USER, 17))
    one.next_attempt()

    assert told(one, b'event: reset\ndata: {"revision": 99}\n\n' + changes(100)) == []
    assert one.is_to_restart
    one.ended(None)
    again = one.next_attempt()
    (update,) = told(one, changes(99))

    assert (again.after_s, "last-event-id" in again.request.headers) == (0, False)
    assert update.is_reset


def test_before_the_first_event_it_gives_up_in_time() -> None:
    clock = Clock()
    one = watch(clock=clock)
    one.ended(BROKEN)
    clock.now_s = 5

    with pytest.raises(NoAnswerError):
        one.ended(BROKEN)


def test_after_the_first_event_it_never_does_and_slows_down() -> None:
    clock = Clock()
    one = watch(clock=clock)
    told(one, changes(17))
    pauses = []

    for _ in range(100):
        one.ended(BROKEN)
        pauses.append(one.next_attempt().after_s)
        clock.now_s += pauses[-1]

    assert max(pauses) <= 30 + 5
    assert pauses[-1] >= 30
    assert clock.now_s > 1000


def test_a_retry_after_is_waited_for() -> None:
    one = watch()
    told(one, changes(17))

    one.ended(Answer(429, {"retry-after": "40"}, b"{}"))

    assert one.next_attempt().after_s >= 40


@pytest.mark.parametrize("status", [400, 401, 404, 412, 500])
def test_a_problem_that_does_not_pass_is_raised(status: int) -> None:
    one = watch()
    told(one, changes(17))

    with pytest.raises(Problem) as raised:
        one.ended(Answer(status, {}, b"{}"))

    assert raised.value.status == status


def test_an_overloaded_gateway_is_reported_when_it_stays_so() -> None:
    one = watch()

    with pytest.raises(Unavailable):
        one.ended(Answer(503, {"retry-after": "60"}, b"{}"))


def test_an_event_that_is_not_of_this_api_is_an_error() -> None:
    with pytest.raises(UnexpectedAnswerError):
        told(watch(), b"event: changes\ndata: {}\n\n")
