"""The faults come from the seed, and none is left out."""

import random
from itertools import islice

from gateway.settings import GatewaySettings

from faults.campaign import plan_campaign
from faults.injuries import INFLICT
from faults.schedule import ALARMS, LINES, PARTS, all_faults, rounds
from faults.system import write_deadline_s


def test_a_seed_names_its_faults_and_users() -> None:
    assert list(islice(rounds(7), 50)) == list(islice(rounds(7), 50))
    assert list(islice(rounds(7), 50)) != list(islice(rounds(8), 50))
    assert plan_campaign(7, 60, 5) == plan_campaign(7, 60, 5)
    assert len(set(plan_campaign(7, 60, 5).users) | set(plan_campaign(8, 60, 5).users)) == 10


def test_every_fault_occurs_before_any_is_repeated() -> None:
    every = {(fault.kind, fault.part) for fault in all_faults(random.Random(0))}  # noqa: S311
    count = len(all_faults(random.Random(0)))  # noqa: S311

    coming = [(fault.kind, fault.part) for one in islice(rounds(3), count) for fault in one.faults]

    assert set(coming[:count]) == every
    assert {kind for kind, _ in every} == set(INFLICT)
    assert {part for _, part in every} == {*PARTS, *LINES}


def test_faults_that_come_together_hit_different_parts() -> None:
    pairs = [one.faults for one in islice(rounds(3), 500) if len(one.faults) > 1]

    assert len(pairs) > 20
    assert all(one.part != other.part for one, other in pairs)
    assert all(not ALARMS & {one.kind, other.kind} for one, other in pairs)


def test_the_deadline_is_that_of_the_gateways() -> None:
    environment = {"READER_URL": "http://reader", "RABBITMQ_URL": "amqp://bus", "PORT": "8000", "PATH": "/bin"}

    assert write_deadline_s(environment) == GatewaySettings.model_fields["write_deadline_s"].default
    assert write_deadline_s({**environment, "WRITE_DEADLINE_S": "10"}) == 10
