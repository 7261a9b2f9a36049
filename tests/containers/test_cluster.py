"""deploy/compose/cluster.yml: every server is there three times and every service twice, and all of them are used."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from faults.campaign import break_world, plan_campaign
from faults.checker import check
from faults.cluster.compose import Cluster, running_cluster
from faults.cluster.docker import docker
from faults.cluster.schedule import PRIMARY
from faults.cluster.world import cluster_world
from faults.history import History, write_history
from faults.outages import outage_table, outages
from faults.report import table
from faults.schedule import Fault, Round
from tests.users import new_user

from .engine import needs_engine, needs_plugins
from .inspection import check_restricted, published
from .stand_ins import FROM_DEBIAN, ensure_image

pytestmark = [needs_engine, needs_plugins, pytest.mark.timeout(900)]

SEED, SECONDS, CLIENTS = 15, 120.0, 8
# Writes are out for 2 to 5 s, and reads for a second or two, on 2 cores that other tests use too.
LONGEST_OUTAGE_S, LONGEST_OUTAGE_OF_READS_S = 15.0, 7.0

NODES = {"rabbit@rabbitmq-1", "rabbit@rabbitmq-2", "rabbit@rabbitmq-3"}


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    for image in FROM_DEBIAN:
        ensure_image(image, tmp_path_factory.mktemp("image"))
    async with running_cluster(tmp_path_factory.mktemp("cluster"), print) as running:
        yield running


async def test_what_is_written_through_one_way_in_is_read_through_the_others(cluster: Cluster) -> None:
    async with new_user(cluster.edge_url) as user:
        created = (await user.post("/tasks", json={"title": "Buy milk"})).json()
        path = user.base_url.path

        found = [(await user.get(f"{url}{path}tasks")).json() for url in (*cluster.gateway_urls, cluster.edge_url)]
        await user.delete(f"/tasks/{created['id']}")

    assert found == [[created]] * 3


async def test_every_queue_that_lasts_has_a_copy_on_every_node(cluster: Cluster) -> None:
    """A gateway's own queue of hints ends with its connection, and is there while it has event streams."""
    node = await cluster.container("rabbitmq-1")

    listed = await docker(
        "exec", node.id, "rabbitmqctl", "--formatter=json", "list_queues", "name", "exclusive", "online"
    )

    copies = {queue["name"]: set(queue["online"]) for queue in json.loads(listed) if not queue["exclusive"]}
    assert copies == {"tasks.commands": NODES, "tasks.dead-letters": NODES}


async def test_nodes_look_for_silent_leaders_every_second(cluster: Cluster) -> None:
    node = await cluster.container("rabbitmq-1")

    asked = "{net_kernel:get_net_ticktime(), application:get_env(aten, poll_interval)}."
    assert (await docker("exec", node.id, "rabbitmqctl", "eval", asked)).strip() == "{8,{ok,1000}}"


async def test_one_of_two_standbys_has_every_commit(cluster: Cluster) -> None:
    member = await cluster.container("postgres-1")

    listed = json.loads(await docker("exec", member.id, "patronictl", "list", "--format", "json"))

    assert sorted(one["Role"] for one in listed) == ["Leader", "Replica", "Sync Standby"]


async def test_no_container_has_more_than_it_needs(cluster: Cluster) -> None:
    check_restricted([one.state for one in await cluster.containers()])


async def test_only_gateways_and_edge_have_a_port_and_for_this_machine_alone(cluster: Cluster) -> None:
    containers = [one.state for one in await cluster.containers()]

    assert published(containers) == {("gateway", "127.0.0.1"), ("edge", "127.0.0.1")}


async def test_no_write_is_lost_when_a_node_dies_and_the_primary_changes(cluster: Cluster, tmp_path: Path) -> None:
    """A short form of `make faults CLUSTER=1`."""
    faults = (Fault("kill", "rabbitmq", 10.0, replica=1), Fault("switchover", PRIMARY, 0.0))
    world = replace(await cluster_world(cluster), rounds=lambda _: iter([Round(1.0, (fault,)) for fault in faults]))
    history = History(plan_campaign(SEED, SECONDS, CLIENTS))
    said: list[str] = []

    await break_world(world, history, said.append)

    write_history(tmp_path / "history.jsonl", history)
    violations = check(history)
    seen = outages(history, violations)
    tables = (*table(history, violations), *outage_table(history, violations))
    summary = "\n".join([f"history in {tmp_path}", *said, *tables])
    assert violations == [], summary
    assert [one.kind for one in seen] == ["kill rabbitmq", "switchover primary"], summary
    assert max(one.writes_s for one in seen) < LONGEST_OUTAGE_S, summary
    assert seen[0].reads_s < LONGEST_OUTAGE_OF_READS_S, summary
