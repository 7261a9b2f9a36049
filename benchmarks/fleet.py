"""The product with several of each service on one machine, and counts of what passed through it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

import aiohttp
from local_stack.services import says_ready
from local_stack.stack import Stack
from local_stack.state import remembered_port
from local_stack.supervision import Process, Report, silent
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.cpu import cpu_seconds, machine_seconds
from benchmarks.load import Pressure, drive
from benchmarks.systems import database_url, own_postgres, running_product

READY_WITHIN_S = 30.0


@dataclass(frozen=True)
class Replicas:
    """How many there are of each service."""

    gateways: int
    readers: int
    writers: int


@dataclass(frozen=True)
class Fleet:
    """Running replicas. Each gateway asks one task-reader, in turn; all share one bus and one database."""

    gateway_urls: Sequence[str]
    processes: Mapping[str, Sequence[Process]]  # by role: gateway, task-reader, task-writer, rabbitmq, postgres
    admin_urls: Sequence[str]
    superuser_url: str  # of the product's database


@dataclass(frozen=True)
class Counts:
    """What a load made of the system.

    `batch` is the mean number of items by lane, `cores` how many cores each role kept busy, and `foreign_cores` how
    many everything else on the machine did.
    """

    requests_per_s: float
    mean_ms: float
    p99_ms: float
    batch: Mapping[str, float]
    messages_per_s: float
    commits_per_s: float
    cores: Mapping[str, float]
    foreign_cores: float = 0.0


@asynccontextmanager
async def running_fleet(directory: Path, replicas: Replicas, report: Report = silent) -> AsyncIterator[Fleet]:
    """The product with so many of each service."""
    async with AsyncExitStack() as running:
        stack = await running.enter_async_context(running_product(directory, report))
        start = partial(_start, running, stack)
        readers = [stack.services["task-reader"]]
        readers += [await start("task-reader", number, {}) for number in range(1, replicas.readers)]
        writers = [stack.services["task-writer"]]
        writers += [await start("task-writer", number, {}) for number in range(1, replicas.writers)]
        gateways = [stack.services["gateway"]]
        for number in range(1, replicas.gateways):
            reader_url = _url(readers[number % len(readers)], "PORT")
            gateways.append(await start("gateway", number, {"READER_URL": reader_url}))
        assert stack.rabbitmq is not None  # noqa: S101 - running_product starts its own
        services = {"gateway": gateways, "task-reader": readers, "task-writer": writers}
        servers = {"rabbitmq": [stack.rabbitmq.process], "postgres": [own_postgres(stack).process]}
        yield Fleet(
            [_url(gateway, "PORT") for gateway in gateways],
            services | servers,
            [_url(process, "ADMIN_PORT") for processes in services.values() for process in processes],
            database_url(own_postgres(stack).superuser_url, "taskwire"),
        )


async def _start(
    running: AsyncExitStack, stack: Stack, service: str, number: int, variables: Mapping[str, str]
) -> Process:
    """One more of a service, ready; it is stopped with the others."""
    first, own = stack.services[service].program, f"{service}-{number}"
    ports = {
        name: str(remembered_port(stack.state, f"{own} {name}"))
        for name in ("PORT", "ADMIN_PORT")
        if name in first.environment
    }
    program = replace(first, name=own, environment={**first.environment, **ports, **variables})
    process = Process(program, stack.state)
    await process.start()
    running.push_async_callback(process.stop)
    await process.wait_ready(partial(says_ready, _url(process, "ADMIN_PORT")), within_s=READY_WITHIN_S)
    return process


def _url(process: Process, port: str) -> str:
    return f"http://127.0.0.1:{process.program.environment[port]}"


async def count(fleet: Fleet, requests: Path, pressure: Pressure) -> Counts:
    """Loads all gateways at once, each by its share of the connections, and counts. LoadFailed as `drive` raises it."""
    share = replace(pressure, connections=pressure.connections // len(fleet.gateway_urls))
    before, cpu_before, machine_before, began = await _totals(fleet), _cpu_s(fleet), machine_seconds(), time.monotonic()
    async with asyncio.TaskGroup() as loads:
        tasks = [loads.create_task(drive(url, requests, share)) for url in fleet.gateway_urls]
    seconds, machine_s, cpu_after = time.monotonic() - began, machine_seconds() - machine_before, _cpu_s(fleet)
    done, driven = await _totals(fleet) - before, [task.result() for task in tasks]
    cores = {role: (cpu_after[role] - cpu_before[role]) / seconds for role in cpu_after}
    sent_s = max(load.requests / load.requests_per_s for load in driven)  # without the starts of the generators
    return Counts(
        requests_per_s=sum(load.requests_per_s for load in driven),
        mean_ms=fmean(load.mean_ms for load in driven),
        p99_ms=max(load.p99_ms for load in driven),
        batch=_batches(done),
        messages_per_s=done["taskwire_writer_batch_commands_count"] / sent_s,
        commits_per_s=done["task-writer taskwire_database_seconds_count"] / sent_s,
        cores=cores,
        foreign_cores=max(machine_s / seconds - sum(cores.values()), 0.0),
    )


def _batches(done: Counter[str]) -> dict[str, float]:
    """The mean items of a batch by lane, of the lanes that were used."""
    lane_of = "taskwire_batch_items_count "
    lanes = [name.removeprefix(lane_of) for name in done if name.startswith(lane_of) and done[name]]
    return {lane: done[f"taskwire_batch_items_sum {lane}"] / done[lane_of + lane] for lane in lanes}


def _cpu_s(fleet: Fleet) -> dict[str, float]:
    """CPU seconds by role, and of all load generators so far."""
    pids = {process.name: process.pid for processes in fleet.processes.values() for process in processes}
    spent = cpu_seconds(pids)
    by_role = {role: sum(spent[one.name] for one in processes) for role, processes in fleet.processes.items()}
    return by_role | {"load": spent["load"]}


async def _totals(fleet: Fleet) -> Counter[str]:
    """The counters of all services, summed: `name label`, and `service name` for those that several kinds have."""
    totals: Counter[str] = Counter()
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for url in fleet.admin_urls:
            async with session.get(f"{url}/metrics") as answer:
                totals.update(sums_and_counts(await answer.text()))
    return totals


def sums_and_counts(text: str) -> Counter[str]:
    """The sums and counts of the histograms of one service, by name and lane; those of its database by its own name."""
    families = list(text_string_to_metric_families(text))
    samples = [sample for family in families for sample in family.samples]
    service = next(sample.labels["service"] for sample in samples if sample.name == "taskwire_build_info")
    found: Counter[str] = Counter()
    for sample in samples:
        if sample.name.endswith(("_sum", "_count")) and sample.name.startswith("taskwire_"):
            lane = sample.labels.get("lane")
            of_database = sample.name.startswith("taskwire_database_seconds")
            name = f"{sample.name} {lane}" if lane else f"{service} {sample.name}" if of_database else sample.name
            found[name] += sample.value  # type: ignore[assignment]
    return found
