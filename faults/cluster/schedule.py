"""The faults of a cluster: kinds, order and durations, all from the seed."""

import random
from collections.abc import Iterator

from faults.schedule import SERVICES, Fault, Kind, Round

# PostgreSQL's members by what they are when the fault comes, everything else by its name.
PRIMARY, SYNCHRONOUS = "primary", "synchronous standby"
MEMBERS = (PRIMARY, SYNCHRONOUS)
NODES = 3

_PAUSE_S = 3.0
# Longer than Patroni lets a primary be away (20 s), than RabbitMQ lets a node be silent (10 s), and than a deadline.
_PRIMARY_S, _NODE_S, _OTHER_S = (24.0, 27.0), (12.0, 14.0), (5.0, 8.0)


def all_faults(choice: random.Random) -> list[Fault]:
    """Every kind with every part that it can be done to, once; of a part that is there more than once, one by lot.

    Gateways are not cut off: it would take their port from the clients, which is what killing does.
    """
    kinds: list[tuple[Kind, tuple[str, ...]]] = [
        ("kill", ("rabbitmq", *MEMBERS, "etcd", "proxy", *SERVICES)),
        ("freeze", ("rabbitmq", *MEMBERS, "etcd", "proxy", *SERVICES)),
        ("cut off", ("rabbitmq", *MEMBERS)),
        ("swallow", ("rabbitmq", *MEMBERS, "proxy", "task-reader", "task-writer")),
        ("crash", (PRIMARY,)),
        ("switchover", (PRIMARY,)),
        ("local commits", (PRIMARY,)),
        ("majority lost", ("rabbitmq",)),
        ("start without majority", ("rabbitmq",)),
        ("rolling restart", ("rabbitmq",)),
    ]
    return [_fault(choice, kind, part) for kind, parts in kinds for part in parts]


def _fault(choice: random.Random, kind: Kind, part: str) -> Fault:
    lengths = {PRIMARY: _PRIMARY_S, "rabbitmq": _NODE_S}
    there_are = NODES if part in {"rabbitmq", "etcd"} else 2
    return Fault(kind, part, choice.uniform(*lengths.get(part, _OTHER_S)), choice.randrange(there_are))


def rounds(seed: int) -> Iterator[Round]:
    """Without end: all faults in a random order, then all of them again in another; one at a time."""
    choice = random.Random(f"{seed} faults of a cluster")  # noqa: S311 - to be repeated, not to be secret
    while True:
        for fault in choice.sample(coming := all_faults(choice), len(coming)):
            yield Round(_PAUSE_S, (fault,))
