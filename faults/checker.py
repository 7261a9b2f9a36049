"""Checks from a history alone whether every promise was kept."""

from collections.abc import Iterator, Sequence
from functools import partial

from faults.history import FinalState, History
from faults.lateness import last_moment_s
from faults.model import UserModel
from faults.rules import Rule, Violation, violation
from faults.stream_checks import judge_stream


def check(history: History) -> list[Violation]:
    """All violations in order of time; none if a system that keeps its promises can have produced the history.

    Takes some 20 microseconds for an operation on a single task, and for each task of a list.
    """
    found = [one for client in range(history.campaign.clients) for one in _check_client(history, client)]
    found.extend(_strangers(history))
    found.extend(_failed_in_restarts(history))
    return sorted(found, key=lambda one: one.at_s)


def _check_client(history: History, client: int) -> Iterator[Violation]:
    deadline_s = history.campaign.write_deadline_s
    last_moment = partial(last_moment_s, write_deadline_s=deadline_s, injuries=history.injuries)
    model = UserModel(history.campaign.users[client], last_moment)
    for operation in history.of_client(client):
        yield from model.judge(operation)
    finals = _final(history.final, client)
    for final in finals:
        yield from model.judge_final(final)
    streamed = [event for event in history.streamed if event.client == client]
    yield from judge_stream(streamed, finals, model.differs)


def _final(states: Sequence[FinalState], client: int) -> list[FinalState]:
    return sorted((final for final in states if final.client == client), key=lambda final: final.began_s)


def _strangers(history: History) -> Iterator[Violation]:
    """Tasks of users that no client has: read under the client number -1."""
    for final in _final(history.final, -1):
        for body in final.tasks:
            yield Violation(Rule.IMPOSSIBLE, -1, -1, final.began_s, f"a task of an unknown user: {body!r:.300}")


def _failed_in_restarts(history: History) -> Iterator[Violation]:
    """Requests that began during nothing but a rolling restart, and were not answered."""
    for injury in history.injuries:
        alone = sum(other.round == injury.round for other in history.injuries) == 1
        if injury.kind != "restart" or not alone:
            continue
        for operation in history.operations:
            if injury.began_s <= operation.began_s <= injury.back_s and not operation.is_answered:
                failure = operation.failure or f"answered with {operation.status}"
                yield violation(Rule.FAILED, operation, f"{failure} in a rolling restart of the {injury.part}s")
