"""What lists from memory gain, and what a miss costs: batches of lists as a task-reader answers them, without HTTP.

`make bench-cache` runs it: it starts everything itself, takes turns between the three, and takes a minute.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

from common.contracts import framing
from common.contracts.reads import Read
from common.postgres.database import Database, open_database
from local_stack.stack import Stack
from pydantic import SecretStr
from task_reader.cached_reads import answer_cached
from task_reader.list_cache import CachedList, ListCache
from task_reader.queries import answer_reads
from task_reader.settings import ReaderSettings

from benchmarks.cpu import cpu_seconds
from benchmarks.dataset import LARGE, SMALL, Group, fill
from benchmarks.machine import describe
from benchmarks.report import measured_on, show, show_blocks
from benchmarks.systems import database_url, own_postgres, running_product

ROUNDS = 7
LISTS_EACH = {SMALL: 4_000, LARGE: 400}
BATCH = 8
WAYS = ("off", "hit", "miss")
CACHE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds per list."""

    reader: float
    postgres: float


class Reader:
    """The reads of a task-reader in this process."""

    def __init__(self, database: Database, postgres_pid: int | None, group: Group) -> None:
        self._database = database
        self._pids = {"postgres": postgres_pid}
        self._users = [group.user_id(number) for number in range(min(group.users, 100))]
        self._count = LISTS_EACH[group]

    async def cost(self, way: str) -> Cost:
        """Of as many lists as the group asks for, answered in this way."""
        cache = ListCache(0 if way == "off" else CACHE_BYTES)
        await self._answer(cache, [Read(user_id=user) for user in self._users])
        turns = -(-self._count // len(self._users))
        began, postgres_began = time.process_time(), cpu_seconds(self._pids)["postgres"]
        for batch in batched(self._users * turns, BATCH, strict=False):
            if way == "miss":  # as if each list had changed since
                for user in batch:
                    cache.keep(user, CachedList(1, b"1 []"))
            await self._answer(cache, [Read(user_id=user) for user in batch])
        spent, postgres_spent = time.process_time() - began, cpu_seconds(self._pids)["postgres"] - postgres_began
        answered = turns * len(self._users)
        return Cost(1000 * spent / answered, 1000 * postgres_spent / answered)

    async def _answer(self, cache: ListCache, reads: Sequence[Read]) -> None:
        framing.pack(await answer_cached(reads, self._ask, cache))

    async def _ask(self, reads: Sequence[Read]) -> list[bytes | None]:
        return await self._database.run(lambda db: answer_reads(db, reads))


async def measure() -> None:
    with tempfile.TemporaryDirectory() as name:
        async with running_product(Path(name) / "stack", show) as stack:
            show_blocks([measured_on(await describe(stack))])
            await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), SMALL, LARGE)
            for group in (SMALL, LARGE):
                print_costs(group, await take_turns(stack, group))


async def take_turns(stack: Stack, group: Group) -> dict[str, list[Cost]]:
    """The costs of every round, after a warm-up of each way."""
    url = SecretStr(stack.services["task-reader"].program.environment["READER_DATABASE_URL"])
    settings = ReaderSettings(reader_database_url=url, port=0, pool_size=1)
    costs: dict[str, list[Cost]] = {way: [] for way in WAYS}
    async with open_database(url, settings) as database:
        reader = Reader(database, own_postgres(stack).process.pid, group)
        for number in range(ROUNDS + 1):
            for way in WAYS:
                cost = await reader.cost(way)
                if number > 0:
                    costs[way].append(cost)
    return costs


def print_costs(group: Group, costs: dict[str, list[Cost]]) -> None:
    off = [cost.reader + cost.postgres for cost in costs["off"]]
    for way, rounds in costs.items():
        ratios = [(cost.reader + cost.postgres) / base for cost, base in zip(rounds, off, strict=True)]
        show(
            f"list of {group.tasks_each:>5}, {way:<4} reader {statistics.median(one.reader for one in rounds):.3f} ms, "
            f"PostgreSQL {statistics.median(one.postgres for one in rounds):.3f} ms of CPU; "
            f"{statistics.median(ratios):.2f} of off ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    asyncio.run(measure())
