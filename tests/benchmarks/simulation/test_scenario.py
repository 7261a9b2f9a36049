"""A simulated system batches as the product does, loses nothing, and comes out the same every time."""

import pytest
from gateway.settings import GatewaySettings

from benchmarks.fleet import Replicas
from benchmarks.simulation.clients import Traffic
from benchmarks.simulation.model import Hosts
from benchmarks.simulation.scenario import Scenario, Simulated, simulate
from benchmarks.simulation.shares import MIXED
from tests.benchmarks.simulation.numbered import COSTS

WRITES = {"commands": 1.0}
SECONDS = 0.5


def closed(connections: int, replicas: Replicas = Replicas(1, 1, 1), users: int = 1_000) -> Simulated:  # noqa: B008
    traffic = Traffic(WRITES, connections=connections, users=users)
    return simulate(Scenario(replicas, Hosts(), traffic), COSTS, seconds=SECONDS)


def open_loop(gateways: int, rate: float, bus_slots: int | None = None) -> Simulated:
    traffic = Traffic(MIXED, requests_per_s=rate, users=10_000)
    scenario = Scenario(Replicas(gateways, gateways, gateways), Hosts(), traffic, bus_slots)
    return simulate(scenario, COSTS, seconds=SECONDS)


def test_a_lone_client_has_batches_of_one_and_pays_for_all_parts() -> None:
    alone = closed(connections=1)

    assert alone.counts.batch == {"commands": 1.0}
    assert alone.p50_ms["commands"] == pytest.approx(4 * 1.02)  # gateway, RabbitMQ, task-writer, PostgreSQL
    assert alone.counts.requests_per_s == alone.counts.messages_per_s


def test_more_connections_make_fuller_batches_and_more_of_them_are_done() -> None:
    few, many = closed(connections=8), closed(connections=64)

    assert many.counts.batch["commands"] > 2 * few.counts.batch["commands"]
    assert many.counts.requests_per_s > 2 * few.counts.requests_per_s


def test_a_batch_has_no_more_commands_than_the_product_allows() -> None:
    crowd = closed(connections=1_000)

    limit = GatewaySettings.model_fields["bus_max_batch"].default
    assert 0.9 * limit < crowd.counts.batch["commands"] <= limit


def test_more_gateways_make_emptier_batches_of_the_same_load() -> None:
    one, four = open_loop(gateways=1, rate=2_000), open_loop(gateways=4, rate=2_000)

    assert four.counts.batch["commands"] < one.counts.batch["commands"]
    assert four.counts.requests_per_s == pytest.approx(2_000, rel=0.1)


def test_fewer_slots_on_the_bus_make_fuller_batches() -> None:
    two, one = open_loop(gateways=4, rate=12_000), open_loop(gateways=4, rate=12_000, bus_slots=1)

    assert one.counts.batch["commands"] > two.counts.batch["commands"]
    assert one.counts.messages_per_s < two.counts.messages_per_s


def test_transactions_of_one_user_wait_for_each_other() -> None:
    replicas = Replicas(8, 1, 8)

    crowd, one = closed(256, replicas), closed(256, replicas, users=1)

    assert one.counts.commits_per_s < 0.5 * crowd.counts.commits_per_s


def test_too_much_is_refused_where_the_product_refuses_it() -> None:
    assert open_loop(gateways=1, rate=50_000).refused > 0
    assert open_loop(gateways=1, rate=1_000).refused == 0


def test_the_items_of_all_messages_are_the_writes_that_were_answered() -> None:
    counts = closed(connections=64).counts

    assert counts.batch["commands"] * counts.messages_per_s == pytest.approx(counts.requests_per_s, rel=0.05)


def test_the_same_scenario_has_the_same_result() -> None:
    assert open_loop(gateways=2, rate=3_000) == open_loop(gateways=2, rate=3_000)
