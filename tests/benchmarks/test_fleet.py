"""Several of each service run side by side, and what passed through them is counted."""

from pathlib import Path

import pytest

from benchmarks.dataset import posts, write_requests
from benchmarks.fleet import Replicas, count, running_fleet, sums_and_counts
from benchmarks.load import Pressure, prepare_generator
from benchmarks.report import show

METRICS = """
# TYPE taskwire_build_info gauge
taskwire_build_info{service="task-writer",version="1"} 1.0
# TYPE taskwire_batch_items histogram
taskwire_batch_items_bucket{lane="commands",le="+Inf"} 2.0
taskwire_batch_items_count{lane="commands"} 2.0
taskwire_batch_items_sum{lane="commands"} 9.0
# TYPE taskwire_database_seconds histogram
taskwire_database_seconds_bucket{le="+Inf"} 3.0
taskwire_database_seconds_count 3.0
taskwire_database_seconds_sum 0.5
"""


def test_histograms_are_named_by_their_lane_and_databases_by_their_service() -> None:
    found = sums_and_counts(METRICS)

    assert found["taskwire_batch_items_sum commands"] == 9.0
    assert found["taskwire_batch_items_count commands"] == 2.0
    assert found["task-writer taskwire_database_seconds_count"] == 3.0


@pytest.fixture
async def generator() -> None:
    await prepare_generator(show)


@pytest.mark.usefixtures("generator")
async def test_all_replicas_take_part_and_every_write_is_counted(tmp_path: Path) -> None:
    requests = write_requests(tmp_path / "requests", posts())

    async with running_fleet(tmp_path / "stack", Replicas(gateways=2, readers=1, writers=2)) as fleet:
        counts = await count(fleet, requests, Pressure(connections=8, seconds=1))

    assert len(set(fleet.gateway_urls)) == 2
    assert {role: len(processes) for role, processes in fleet.processes.items()}["task-writer"] == 2
    assert counts.batch["commands"] >= 1.0
    assert counts.batch["commands"] * counts.messages_per_s == pytest.approx(counts.requests_per_s, rel=0.2)
    assert counts.commits_per_s == pytest.approx(counts.messages_per_s, rel=0.2)
    assert counts.cores["gateway"] > 0.0
