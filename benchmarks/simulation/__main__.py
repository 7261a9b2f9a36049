"""`make simulate`: how full batches stay as gateways are added, and what saturates first. A minute, without servers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.fleet import Replicas
from benchmarks.report import show
from benchmarks.simulation.clients import Traffic
from benchmarks.simulation.costs import LANES, PARTS, Costs, kept
from benchmarks.simulation.model import Hosts
from benchmarks.simulation.scenario import Scenario, Simulated, simulate
from benchmarks.simulation.shares import MIXED

SECONDS = 0.25
USERS = 100_000
WAITS_S = {"commands": 0.002, "finds": 0.0004, "lists": 0.0004}
"""Assumed, not measured: three nodes of RabbitMQ that write to their disks, PostgreSQL's WAL, hops between hosts."""

PAPER = Replicas(gateways=24, readers=10, writers=5)
"""The deployment for 100,000 requests/s in docs/performance.md."""

ROOMY = Replicas(gateways=32, readers=16, writers=8)
OWN_HOSTS = Hosts()

COLUMNS = "{:<58} {:>10} {:>9} {:>6} {:>6} {:>7} {:>7} {:>9} {:>9}  {}"
HEADING = COLUMNS.format(
    "", "requests/s", "commands", "finds", "lists", "msgs/s", "commits", "writes ms", "reads ms", "busy %"
)


@dataclass(frozen=True)
class Row:
    """A scenario with its name."""

    name: str
    scenario: Scenario


def rows() -> Iterator[Row]:
    """More users, more gateways for the same load, more load for the same replicas, and what helps."""
    yield _row("1,000/s over 2, 2 and 2", Replicas(2, 2, 2), 1_000)
    yield _row("10,000/s over 4, 3 and 2", Replicas(4, 3, 2), 10_000)
    for gateways in (12, 24, 48, 96):
        yield _row(f"30,000/s over {gateways}, 10 and 5", replace(PAPER, gateways=gateways), 30_000)
    for rate in (50_000, 75_000, 100_000, 125_000):
        yield _row(f"{rate:,}/s over 24, 10 and 5", PAPER, rate)
    yield _row(f"100,000/s over {_named(ROOMY)}", ROOMY, 100_000)
    more = _row(f"100,000/s over {_named(ROOMY)}, RabbitMQ 8 cores", ROOMY, 100_000, Hosts(rabbitmq=8))
    yield more
    yield replace(more, name=f"{more.name}, one slot", scenario=replace(more.scenario, bus_slots=1))
    few = replace(more.scenario.traffic, users=1_000)
    yield replace(more, name=f"{more.name}, 1,000 users", scenario=replace(more.scenario, traffic=few))


def _row(name: str, replicas: Replicas, rate: float, hosts: Hosts = OWN_HOSTS) -> Row:
    return Row(name, Scenario(replicas, hosts, Traffic(MIXED, requests_per_s=rate, users=USERS)))


def _named(replicas: Replicas) -> str:
    return f"{replicas.gateways}, {replicas.readers} and {replicas.writers}"


def line(row: Row, simulated: Simulated) -> str:
    """The figures of a scenario: medians, and how much of each part's cores was busy."""
    counts, replicas, hosts = simulated.counts, row.scenario.replicas, row.scenario.hosts
    available = dict(
        zip(PARTS, (replicas.gateways, replicas.readers, replicas.writers, hosts.rabbitmq, hosts.postgres), strict=True)
    )
    busy = ", ".join(f"{part} {counts.cores[part] / cores:.0%}" for part, cores in available.items())
    return COLUMNS.format(
        row.name,
        f"{counts.requests_per_s:,.0f}",
        *(f"{counts.batch[lane]:.1f}" for lane in LANES),
        f"{counts.messages_per_s:,.0f}",
        f"{counts.commits_per_s:,.0f}",
        f"{simulated.p50_ms['commands']:.1f}",
        f"{simulated.p50_ms['finds']:.1f}",
        busy,
    )


def main() -> None:
    """Prints a line for each scenario."""
    costs = Costs(kept().cpu, load_s=0.0, waits_s=WAITS_S)
    show(HEADING)
    for row in rows():
        show(line(row, simulate(row.scenario, costs, seconds=SECONDS)))


if __name__ == "__main__":
    main()
