"""Until when a write without a known outcome may still take effect."""

from collections.abc import Sequence

from faults.history import Injury, Operation

SLACK_S = 2.5
"""The deadline is checked before the transaction. One that began in time may wait for a connection (`POOL_TIMEOUT_S`,
1 s), and go on with another for as long when its own breaks; the rest is the lag of a machine that is busy."""


def last_moment_s(operation: Operation, write_deadline_s: float, injuries: Sequence[Injury]) -> float:
    """The moment from which on the write is either done or never will be.

    A stopped gateway gives a request its deadline when it goes on, and so by the time it answers. A transaction that
    is held up, by a stopped server or a slow line, goes on when that is over. Nothing else moves the moment: a message
    that waits for its writer or its broker is past its deadline like any other.
    """
    came_late = any(injury.holds_requests and _overlap(injury, operation) for injury in injuries)
    began_s = operation.ended_s if came_late else operation.began_s
    last_s = began_s + write_deadline_s + SLACK_S
    for injury in sorted(injuries, key=lambda injury: injury.began_s):
        if injury.holds_transactions and injury.began_s <= last_s and injury.back_s >= operation.began_s:
            last_s = max(last_s, injury.back_s + SLACK_S)
    return last_s


def _overlap(injury: Injury, operation: Operation) -> bool:
    return injury.began_s <= operation.ended_s and injury.back_s >= operation.began_s
