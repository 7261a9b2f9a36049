"""The token of each attempt, and the newest revision that reads ask for."""

from collections.abc import Iterable
from uuid import UUID

import pytest
from taskwire_client import ChangesGone, Options, PreconditionFailed, RevisionUnreached, Snapshot
from taskwire_client.exchange import Answer, Attempt, Call, Request, Steps
from taskwire_client.operations import Target, delete, page
from taskwire_client.session import Session

USER = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11")
NOTHING = Answer(200, {"etag": '"1-17"'}, b"[]")
SEEING = Options(reads_own_writes=True)


def carried_out[T](steps: Steps[T], answers: Iterable[Answer]) -> tuple[T, list[Attempt]]:
    """What the steps come to with these answers, and the attempts."""
    attempts = [next(steps)]
    for answer in answers:
        try:
            attempts.append(steps.send(answer))
        except StopIteration as done:
            return done.value, attempts
    raise AssertionError("more was sent than is answered")


def asked_for(session: Session, call: Call[object], *answers: Answer) -> list[str | None]:
    """The revisions that the attempts of a call name."""
    _, attempts = carried_out(session.perform(call), answers)
    return [attempt.request.headers.get("min-revision") for attempt in attempts]


def test_a_token_is_sent_as_it_is_now() -> None:
    tokens = iter(["first", "second"])
    session = Session(USER, lambda: next(tokens), Options())
    request = Request("GET", "/")

    assert [session.headers(request)["authorization"] for _ in range(2)] == ["Bearer first", "Bearer second"]
    assert Session(USER, "fixed", Options()).headers(request)["authorization"] == "Bearer fixed"
    assert "authorization" not in Session(USER, None, Options()).headers(request)


def test_reads_ask_for_the_newest_revision_that_was_seen() -> None:
    session, read = Session(str(USER), None, SEEING), page(USER, "")

    assert asked_for(session, read, NOTHING) == [None]
    assert asked_for(session, delete(Target.of(USER, USER), None), Answer(204, {"revision": "19"}, b"")) == [None]
    assert asked_for(session, read, Answer(200, {"etag": 'W/"2-18"'}, b"[]")) == ["19"]
    assert asked_for(session, read, NOTHING) == ["19"]


def test_unless_asked_to_reads_name_no_revision() -> None:
    session = Session(USER, None, Options())

    assert asked_for(session, page(USER, ""), NOTHING) == [None]
    assert asked_for(session, page(USER, ""), NOTHING) == [None]


def test_a_revision_that_nobody_has_is_forgotten() -> None:
    session, read = Session(USER, None, SEEING), page(USER, "")
    lost = Answer(412, {}, b'{"type": "urn:taskwire:problem:revision-unreached"}')
    asked_for(session, read, NOTHING)

    assert asked_for(session, read, lost, Answer(200, {"etag": '"1-5"'}, b"[]")) == ["17", None]
    assert asked_for(session, read, NOTHING) == ["5"]


def test_a_412_of_another_kind_is_raised() -> None:
    session = Session(USER, None, SEEING)
    asked_for(session, page(USER, ""), NOTHING)
    changed = Answer(412, {"etag": '"1-18"'}, b'{"type": "urn:taskwire:problem:precondition-failed"}')

    with pytest.raises(PreconditionFailed) as raised:
        asked_for(session, page(USER, ""), changed)

    assert raised.value.etag == '"1-18"'
    assert not isinstance(raised.value, RevisionUnreached)


def test_a_copy_whose_changes_are_gone_is_read_anew() -> None:
    session = Session(USER, None, Options())
    gone = Answer(410, {}, b'{"type": "urn:taskwire:problem:changes-gone"}')
    all_ = Answer(200, {}, b'{"revision": 21, "changed": [], "deleted": []}')

    snapshot, attempts = carried_out(session.sync(Snapshot(USER, 17)), [gone, all_])

    assert snapshot == Snapshot(USER, 21)
    assert [attempt.request.query for attempt in attempts] == ["since=17", ""]
    with pytest.raises(ChangesGone):
        carried_out(session.sync(None), [gone])
