"""Recovery is counted from the moment when all parts of a round are back."""

from dataclasses import replace

import pytest

from faults.history import Campaign, History, Injury, Operation, Request
from faults.recovery import recoveries


def operation(began_s: float, ended_s: float, verb: str = "list", status: int | None = 200) -> Operation:
    return Operation(0, 0, 0, began_s, ended_s, Request(verb), status)  # type: ignore[arg-type]


def history(*operations: Operation, gateways: int = 1) -> History:
    injuries = [Injury(0, "kill", "gateway", 8.0, 9.0), Injury(0, "cut", "writer-postgres", 8.0, 10.0)]
    return History(Campaign(1, 60, 1, ("user",), gateways=gateways), list(operations), injuries)


def test_the_first_success_that_began_afterwards_counts() -> None:
    recorded = history(
        operation(9.5, 10.5),  # began before
        operation(10.1, 10.2, status=503),
        operation(10.2, 10.9),
        operation(10.3, 10.6),
        operation(10.1, 12.1, "create", 504),
        operation(10.2, 14.0, "create", 201),
    )

    (found,) = recoveries(recorded)

    assert (found.kind, found.back_s) == ("kill gateway + cut writer-postgres", 10.0)
    assert found.read_s is not None
    assert round(found.read_s, 3) == 0.6
    assert found.write_s == 4.0
    assert found.is_in_time


def test_more_than_five_seconds_are_too_long() -> None:
    recorded = history(operation(10.1, 10.2), operation(15.0, 15.1, "create", 201))

    (found,) = recoveries(recorded)

    assert not found.is_in_time


def test_no_success_is_no_recovery() -> None:
    (found,) = recoveries(history(operation(10.1, 10.2)))

    assert found.write_s is None
    assert not found.is_in_time


def test_the_slower_of_two_gateways_counts() -> None:
    recorded = history(operation(10.1, 10.2), operation(10.1, 10.4, "create", 201), gateways=2)
    recorded.operations.extend(replace(one, gateway=1, ended_s=one.ended_s + 2) for one in list(recorded.operations))

    (found,) = recoveries(recorded)

    assert found.read_s is not None
    assert round(found.read_s, 3) == 2.2
    assert found.took_s == pytest.approx(2.4)


def test_a_gateway_that_never_answers_has_not_recovered() -> None:
    (found,) = recoveries(history(operation(10.1, 10.2), operation(10.1, 10.4, "create", 201), gateways=2))

    assert (found.read_s, found.write_s) == (None, None)
