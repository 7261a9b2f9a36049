"""The promises that the checker checks, by name."""

from dataclasses import dataclass
from enum import StrEnum

from faults.history import Operation


class Rule(StrEnum):
    """Each violation is named after its only explanation."""

    LOST = "lost-write"  # a write that was answered is not there
    DOUBLED = "doubled-effect"  # one write took effect twice
    DOUBLED_TOGGLE = "doubled-toggle"  # a flip took effect other than once; of a flip, lost looks like doubled
    LATE = "late-effect"  # an unknown write took effect after its deadline
    REFUSED = "effect-of-refused"  # a write took effect that was certainly not done
    FOREIGN = "foreign-task"  # a user was shown another user's task
    BROKEN = "server-error"  # a 5xx other than 503 and 504
    FAILED = "failed-in-restart"  # a request failed while replicas were restarted one by one
    REVISION = "wrong-revision"  # a revision went back, or stands for two states
    STREAM = "stream-differs"  # an event stream left a change out, told one twice, or went back
    UNEXPECTED = "unexpected-answer"  # a status that the request cannot have
    IMPOSSIBLE = "impossible-value"  # nothing explains what was answered


@dataclass(frozen=True, slots=True)
class Violation:
    """One contradiction, at one operation of one client; `number` is -1 for the state after the end."""

    rule: Rule
    client: int
    number: int
    at_s: float
    detail: str


def violation(rule: Rule, operation: Operation, detail: str) -> Violation:
    """The violation that shows in this operation."""
    return Violation(rule, operation.client, operation.number, operation.ended_s, f"{operation.request.verb}: {detail}")
