"""The simulated system: the product's own batching in front of a model of everything behind it.

A gateway is a process with one event loop, and so are task-reader and task-writer; RabbitMQ and PostgreSQL have cores.
A batch of commands waits for a place at a task-writer (CONCURRENT_BATCHES), and its transaction for the rows of its
users (ADR 18). Not modelled: the one process that a queue has in RabbitMQ, disks that saturate, connections.
"""

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from uuid import UUID

from gateway.batching import Batcher, BatchLimits
from gateway.settings import GatewaySettings
from task_writer.settings import WriterSettings

from benchmarks.fleet import Replicas
from benchmarks.simulation.costs import Cost, Costs
from benchmarks.simulation.processors import Cores, Process
from benchmarks.simulation.rows import Rows

HALF = 0.5
"""Of a part's CPU time: before what lies behind it answers, and after."""

SLICE_S = 0.003
"""How long Linux lets a program run that others wait for."""

type Count = Callable[[str, float], None]


@dataclass(frozen=True)
class Hosts:
    """Cores for each server, and one for each process of a service; or as many as `shared` for everything, the load
    generators included, with other programs that take `foreign_cores` of them."""

    rabbitmq: int = 4
    postgres: int = 14
    shared: int | None = None
    foreign_cores: float = 0.0


@dataclass(frozen=True)
class Request:
    """A command or a read of a user."""

    user: UUID


class Parts:
    """What the replicas share: costs, servers, the command queue, the rows of users, and counters.

    The counters are CPU seconds by role, items and batches by lane, and commits. Belongs to one event loop.
    """

    def __init__(self, hosts: Hosts, costs: Costs) -> None:
        self.costs = costs
        self.totals: defaultdict[str, float] = defaultdict(float)
        self.shared = None if hosts.shared is None else Cores(hosts.shared)
        self._servers = {
            "rabbitmq": self.shared or Cores(hosts.rabbitmq),
            "postgres": self.shared or Cores(hosts.postgres),
        }
        if self.shared is not None and hosts.foreign_cores:
            self._disturb(self.shared, SLICE_S / hosts.foreign_cores, random.Random(2))  # noqa: S311 - no secret
        self.rows = Rows()
        self.places: deque[asyncio.Future[Writer]] = deque()

    def process(self, role: str) -> Process:
        """A process of a service, on a core of its own or on the shared ones."""
        return Process(self.shared or Cores(1), partial(self.count, role))

    def count(self, name: str, amount: float) -> None:
        """Adds to a counter."""
        self.totals[name] += amount

    def cost(self, lane: str, part: str) -> Cost:
        """What a batch costs a part."""
        return self.costs.cpu[lane][part]

    def _disturb(self, cores: Cores, every_s: float, chance: random.Random) -> None:
        """Other programs take a slice of a core every so often, for ever."""
        cores.run([(SLICE_S, lambda: None)])
        after_s = chance.expovariate(1 / every_s)
        asyncio.get_running_loop().call_later(after_s, self._disturb, cores, every_s, chance)

    async def serve(self, server: str, seconds: float) -> None:
        """CPU time of a server."""
        self.count(server, seconds)
        await self._servers[server].work(seconds)

    async def pause(self, lane: str) -> None:
        """What a batch waits for that is not CPU time."""
        await asyncio.sleep(self.costs.waits_s[lane])


class System:
    """Replicas on hosts. Belongs to one event loop, in virtual time."""

    def __init__(self, replicas: Replicas, hosts: Hosts, costs: Costs, slots: int | None) -> None:
        self.parts = Parts(hosts, costs)
        self.writers = [Writer(self.parts) for _ in range(replicas.writers)]
        self._turns = cycle(self.writers)
        readers = [self.parts.process("task-reader") for _ in range(replicas.readers)]
        self.gateways = [
            Gateway(self, readers[number % len(readers)], slots or _default(GatewaySettings, "bus_max_in_flight"))
            for number in range(replicas.gateways)
        ]

    async def writer(self) -> "Writer":
        """The next task-writer in turn that has a place, once there is one."""
        for _ in self.writers:
            writer = next(self._turns)
            if writer.places:
                writer.places -= 1
                return writer
        place: asyncio.Future[Writer] = asyncio.get_running_loop().create_future()
        self.parts.places.append(place)
        return await place


class Gateway:
    """A lane for each kind of request, on the product's own Batcher with the product's own limits."""

    def __init__(self, system: System, reader: Process, bus_slots: int) -> None:
        self.process = system.parts.process("gateway")
        self.load = system.parts.process("load")
        self._system, self._parts, self._reader = system, system.parts, reader
        read_slots = _default(GatewaySettings, "reads_max_in_flight")
        self.lanes: dict[str, Batcher[Request, None]] = {
            "commands": Batcher(self._send, _limits("commands", bus_slots)),
            "finds": Batcher(partial(self._ask, "finds"), _limits("finds", read_slots)),
            "lists": Batcher(partial(self._ask, "lists"), _limits("lists", read_slots)),
        }

    def request_s(self, lane: str) -> float:
        """CPU seconds for a request before its batch, and as many after it."""
        return HALF * self._parts.cost(lane, "gateway").per_item_s

    async def _send(self, commands: Sequence[Request]) -> Sequence[None]:
        """A batch of commands: over RabbitMQ to a task-writer, and back."""
        own_s = self._begin("commands", len(commands))
        bus_s = HALF * self._parts.cost("commands", "rabbitmq").of(len(commands))
        await self.process.work(own_s)
        await self._parts.serve("rabbitmq", bus_s)
        await (await self._system.writer()).carry_out(commands)
        await self._parts.serve("rabbitmq", bus_s)
        await self.process.work(own_s)
        return [None] * len(commands)

    async def _ask(self, lane: str, reads: Sequence[Request]) -> Sequence[None]:
        """A batch of reads: to a task-reader, and back."""
        own_s = self._begin(lane, len(reads))
        reader_s = HALF * self._parts.cost(lane, "task-reader").of(len(reads))
        await self.process.work(own_s)
        await self._reader.work(reader_s)
        await self._parts.serve("postgres", self._parts.cost(lane, "postgres").of(len(reads)))
        await self._parts.pause(lane)
        await self._reader.work(reader_s)
        await self.process.work(own_s)
        return [None] * len(reads)

    def _begin(self, lane: str, items: int) -> float:
        """Counts a batch; the CPU seconds that it costs the gateway before it leaves, and as many when it is back."""
        self._parts.count(f"{lane} batches", 1)
        self._parts.count(f"{lane} items", items)
        return HALF * self._parts.cost(lane, "gateway").per_batch_s


class Writer:
    """A task-writer: a limited number of batches at a time, one transaction each."""

    def __init__(self, parts: Parts) -> None:
        self.places = _default(WriterSettings, "concurrent_batches")
        self._process = parts.process("task-writer")
        self._parts = parts

    async def carry_out(self, commands: Sequence[Request]) -> None:
        """One batch, whose place is taken. It locks its users' rows in order, so that no two wait for each other."""
        parts = self._parts
        own_s = HALF * parts.cost("commands", "task-writer").of(len(commands))
        users = sorted({command.user for command in commands})
        await self._process.work(own_s)
        for user in users:
            await parts.rows.lock(user)
        await parts.serve("postgres", parts.cost("commands", "postgres").of(len(commands)))
        await parts.pause("commands")
        for user in users:
            parts.rows.unlock(user)
        parts.count("commits", 1)
        await self._process.work(own_s)
        if parts.places:
            parts.places.popleft().set_result(self)
        else:
            self.places += 1


def _limits(lane: str, slots: int) -> BatchLimits:
    names = ("bus_max_batch", "bus_max_waiting", "write_deadline_s")
    if lane != "commands":
        names = (f"{lane}_max_batch", "reads_max_waiting", "read_timeout_s")
    batch, waiting, timeout_s = (_default(GatewaySettings, name) for name in names)
    return BatchLimits(max_batch=batch, max_in_flight=slots, max_waiting=waiting, longest_wait_s=timeout_s / 2)


def _default(settings: type[GatewaySettings | WriterSettings], name: str) -> int:
    """The product's default, a whole number."""
    return int(settings.model_fields[name].default)
