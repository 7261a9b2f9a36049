"""The outages of a fault are read from the history: the longest time between two successes."""

import pytest

from faults.history import Campaign, History, Injury, Operation, Request, Verb
from faults.outages import outage_table, outages
from faults.rules import Rule, Violation


def operation(ended_s: float, verb: Verb = "list", status: int = 200, gateway: int = 0) -> Operation:
    return Operation(0, 0, 0, ended_s - 0.1, ended_s, Request(verb), status, gateway=gateway)


def history(part: str, *operations: Operation) -> History:
    injuries = [Injury(0, "kill", part, 10.0, 15.0), Injury(1, "freeze", "etcd", 20.0, 22.0)]
    return History(Campaign(1, 60, 1, ("user",), gateways=2), list(operations), injuries)


def test_the_longest_time_between_two_successes_counts() -> None:
    reads = [operation(at_s) for at_s in (9.9, 11.0, 13.0, 14.0, 16.0, 18.0, 19.9)]
    writes = [operation(at_s, "set") for at_s in (9.9, 11.0, 17.0, 19.0)]
    refused = [operation(at_s, "set", 503) for at_s in (12.0, 13.0, 16.0)]

    first, _ = outages(history("rabbitmq", *reads, *writes, *refused), [])

    assert (first.kind, first.errors) == ("kill rabbitmq", 3)
    assert first.reads_s == pytest.approx(2.0)
    assert first.writes_s == pytest.approx(6.0)


def test_the_slower_of_two_gateways_counts_unless_gateways_were_hit() -> None:
    reads = [operation(10.0 + at_s) for at_s in range(1, 11)]
    reads += [operation(11.0, gateway=1), operation(18.0, gateway=1)]

    (of_the_bus, _), (of_gateways, _) = (outages(history(part, *reads), []) for part in ("rabbitmq", "gateway"))

    assert of_the_bus.reads_s == pytest.approx(7.0)
    assert of_gateways.reads_s == pytest.approx(1.0)


def test_a_table_has_a_line_for_each_fault_with_its_violations() -> None:
    found = history("rabbitmq", operation(12.0), operation(25.0))
    violations = [Violation(Rule.LOST, 0, 0, 13.0, "gone")]

    header, freeze, kill = outage_table(found, violations)

    assert header.split()[0] == "fault"
    assert freeze.split() == ["freeze", "etcd", "1", "5.0", "s", "5.0", "s", "0", "0"]
    assert kill.split()[:3] == ["kill", "rabbitmq", "1"]
    assert kill.split()[-1] == "1"
