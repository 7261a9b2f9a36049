"""What event streams cost: memory and CPU of idle ones, how soon a change arrives, and what hints add to a write.

`make bench-streams` runs it: it starts everything itself, and takes two minutes. STREAMS is how many, 10,000 otherwise.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from common.contracts.commands import DeleteTask
from common.contracts.outcomes import Outcome
from common.runtime.background import running
from common.settings import BusSettings
from local_stack.stack import Stack
from pydantic import SecretStr
from task_writer.batches import Answered
from task_writer.consumer.hinting import HintPublisher

from benchmarks.cpu import cpu_seconds, resident_mb
from benchmarks.machine import describe
from benchmarks.report import measured_on, show, show_blocks
from benchmarks.settings import load
from benchmarks.systems import product, restart_services, running_product

AT_ONCE = 100  # streams that are being opened
IDLE_S = 30.0
CHANGES = 100
PAUSE_S = 0.05
HINTED = (1, 13, 50)  # commands in a batch: of a lone client, of 32, of 128
HINTS = 2_000
REVISION = 1764115200000000
MEMORY_GOAL_MB, CPU_GOAL, LATENCY_GOAL_MS = 250.0, 0.1, 200.0

type Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def measure(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        async with running_product(Path(name) / "stack", show) as stack, AsyncExitStack() as opened:
            show_blocks([measured_on(await describe(stack))])
            room = {"EVENT_STREAMS_MAX": str(count + 10), "CONNECTIONS_MAX": str(count + 1_000)}
            await restart_services(stack, room)
            await until_it_writes(stack.addresses.gateway_url)
            await show_idle(stack, opened, count)
            await show_latency(stack, opened)
            for size in HINTED:
                await show_hints(stack, size)


async def until_it_writes(url: str) -> None:
    """Returns once a write succeeds."""
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client, asyncio.timeout(60):
        while not await _can_write(client):  # noqa: ASYNC110 - other processes get ready
            await asyncio.sleep(PAUSE_S)


async def _can_write(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.post(f"/api/{uuid4()}/tasks", json={"title": "Buy milk"})).is_success
    except httpx.TransportError:
        return False


async def show_idle(stack: Stack, opened: AsyncExitStack, count: int) -> None:
    """Opens the streams, each of a user of its own, and prints what they cost while nothing happens."""
    gateway = stack.services["gateway"].pid
    before_mb = resident_mb(gateway)
    began = time.monotonic()
    for first in range(0, count, AT_ONCE):
        users = [uuid4() for _ in range(min(AT_ONCE, count - first))]
        await asyncio.gather(*(listen(stack.addresses.gateway_url, user, opened) for user in users))
    show(f"{count:,} streams opened in {time.monotonic() - began:.0f} s")
    system = product(stack)
    await asyncio.sleep(2 * PAUSE_S)
    before, started = cpu_seconds(system.pids()), time.monotonic()
    await asyncio.sleep(IDLE_S)
    took = time.monotonic() - started
    shares = {name: (after - before[name]) / took for name, after in cpu_seconds(system.pids()).items()}
    after_mb = resident_mb(gateway)
    each_kib = (after_mb - before_mb) * 1e6 / 1024 / count
    word = _word(after_mb <= MEMORY_GOAL_MB)
    show(f"gateway {before_mb:.0f} MB, then {after_mb:.0f} MB {word}: {each_kib:.1f} KiB each")
    parts = ", ".join(f"{name} {share:.3f}" for name, share in shares.items() if name != "load")
    show(f"cores while nothing happens {_word(shares['gateway'] <= CPU_GOAL)}: {parts}")


async def listen(url: str, user: UUID, opened: AsyncExitStack) -> Client:
    """A stream that has had its first event."""
    port = int(url.rpartition(":")[2])
    answers, requests = await asyncio.open_connection("127.0.0.1", port)
    opened.callback(requests.close)
    requests.write(f"GET /api/{user}/events HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await asyncio.wait_for(answers.readuntil(b'"deleted": []}'), 30)
    return answers, requests


async def show_latency(stack: Stack, opened: AsyncExitStack) -> None:
    """Prints how long after a write was sent, and after it was answered, another client has the event."""
    user = uuid4()
    url = stack.addresses.gateway_url
    answers, _ = await listen(url, user, opened)
    from_sent, from_answer = [], []
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        for number in range(CHANGES):
            title = f"task {number} of {CHANGES}"
            arrival = asyncio.create_task(arrived(answers, title))
            sent = time.perf_counter()
            (await client.post(f"/api/{user}/tasks", json={"title": title})).raise_for_status()
            answered = time.perf_counter()
            at = await arrival
            from_sent.append(at - sent)
            from_answer.append(at - answered)
            await asyncio.sleep(PAUSE_S)
    show_times("from sending the write", from_sent)
    show_times("from its answer", from_answer)


async def arrived(answers: asyncio.StreamReader, title: str) -> float:
    """When the event with this title is here."""
    await asyncio.wait_for(answers.readuntil(json.dumps(title).encode()), 30)
    return time.perf_counter()


def show_times(name: str, times: Sequence[float]) -> None:
    cuts = statistics.quantiles(times, n=100)
    median, p99 = (1_000 * cuts[percent - 1] for percent in (50, 99))
    show(f"an event is there {name}: median {median:.1f} ms {_word(median <= LATENCY_GOAL_MS)}, p99 {p99:.1f} ms")


async def show_hints(stack: Stack, size: int) -> None:
    """Prints the CPU time of a hint for each command of a batch, in the task-writer and in RabbitMQ."""
    commands = [DeleteTask(command_id=uuid4(), user_id=uuid4(), deadline_unix_ms=0, task_id=uuid4())] * size
    answered = [
        Answered(one.model_copy(update={"user_id": uuid4()}), Outcome(status="done", revision=REVISION))
        for one in commands
    ]
    hints = HintPublisher(BusSettings(rabbitmq_url=SecretStr(stack.addresses.writer_rabbitmq_url)))
    system = product(stack)
    async with running("hints", hints.connection.keep_open):
        await hints.connection.usable()
        before, began = cpu_seconds(system.pids()), time.process_time()
        for _ in range(HINTS):
            hints.announce(answered)
            await hints.send_announced()
        here_us = 1e6 * (time.process_time() - began) / HINTS / size
        rabbitmq_us = 1e6 * (cpu_seconds(system.pids())["rabbitmq"] - before["rabbitmq"]) / HINTS / size
    show(f"a hint of {size} commands: {here_us:.1f} µs each in the task-writer, {rabbitmq_us:.1f} in RabbitMQ")


def _word(reached: bool) -> str:
    return "(reached)" if reached else "(NOT REACHED)"


if __name__ == "__main__":
    asyncio.run(measure(load().streams))
