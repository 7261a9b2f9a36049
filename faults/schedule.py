"""The schedule of faults: kinds, order and durations, all from the seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

type Kind = Literal[
    "kill",
    "stop",
    "restart",
    "absence",
    "terminate",
    "lock",
    "stall",
    "memory alarm",
    "disk alarm",
    "hold",
    "cut",
    "refuse",
    "swallow",
    # Of a cluster alone (cluster/schedule.py):
    "freeze",
    "cut off",
    "crash",
    "switchover",
    "local commits",
    "majority lost",
    "start without majority",
    "rolling restart",
]

ALARMS = frozenset({"memory alarm", "disk alarm"})
SERVICES = ("gateway", "task-reader", "task-writer")
PARTS = (*SERVICES, "rabbitmq", "postgres")
LINES = ("gateway-reader", "gateway-rabbitmq", "writer-rabbitmq", "writer-postgres", "reader-postgres")

_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S = 5.0, 2.0
_PAIRS = 0.15  # of the rounds have two faults at once


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault, the part and replica that it hits, and its duration if it has one."""

    kind: Kind
    part: str
    seconds: float
    replica: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """The faults that begin together, `pause_s` after those before began, or when all is well again."""

    pause_s: float
    faults: tuple[Fault, ...]


def all_faults(choice: random.Random) -> list[Fault]:
    """Every kind with every part that it can be done to, once, with lengths of 1 to 4 s.

    `kill` and `stop` hit one of two replicas, `restart` both in turn; `absence` takes all of a service away,
    writers for longer than the deadline of a write and all that may follow it. `lock` and `stall` let transactions wait
    while their batches are delivered again, a stall for longer than the second delivery has patience.
    """
    kinds: list[tuple[Kind, tuple[str, ...]]] = [
        ("kill", PARTS),
        ("stop", PARTS),
        ("restart", SERVICES),
        ("absence", SERVICES),
        ("terminate", ("postgres",)),
        ("lock", ("postgres",)),
        ("stall", ("postgres",)),
        ("memory alarm", ("rabbitmq",)),
        ("disk alarm", ("rabbitmq",)),
        ("hold", LINES),
        ("cut", LINES),
        ("refuse", LINES),
        ("swallow", LINES),
    ]
    return [
        Fault(kind, part, _length_s(choice, kind, part), choice.randrange(2)) for kind, parts in kinds for part in parts
    ]


def _length_s(choice: random.Random, kind: Kind, part: str) -> float:
    if (kind, part) == ("absence", "task-writer"):
        return choice.uniform(6, 8)
    return choice.uniform(4, 4.8) if kind == "stall" else choice.uniform(1, 4)


def rounds(seed: int) -> Iterator[Round]:
    """Without end: all faults in a random order, then all of them again in another."""
    choice = random.Random(f"{seed} faults")  # noqa: S311 - to be repeated, not to be secret
    while True:
        left = all_faults(choice)
        choice.shuffle(left)
        while left:
            faults = [left.pop()]
            if left and choice.random() < _PAIRS and _can_meet(faults[0], left[-1]):
                faults.append(left.pop())
            yield Round(choice.uniform(_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S), tuple(faults))


def _can_meet(one: Fault, other: Fault) -> bool:
    """Whether two faults can overlap: two on one part would undo each other, and an alarm needs a live node."""
    return one.part != other.part and not ALARMS & {one.kind, other.kind}
