"""The faults of a cluster come from the seed, and none is left out."""

import random
from itertools import islice

from faults.cluster.injuries import INFLICT
from faults.cluster.schedule import all_faults, rounds


def test_a_seed_names_its_faults() -> None:
    assert list(islice(rounds(7), 50)) == list(islice(rounds(7), 50))
    assert list(islice(rounds(7), 50)) != list(islice(rounds(8), 50))


def test_every_fault_occurs_before_any_is_repeated() -> None:
    every = {(fault.kind, fault.part) for fault in all_faults(random.Random(0))}  # noqa: S311

    coming = [(fault.kind, fault.part) for one in islice(rounds(3), len(every)) for fault in one.faults]

    assert set(coming) == every
    assert {kind for kind, _ in every} == set(INFLICT)
