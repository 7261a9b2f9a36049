"""Injects the scheduled faults, ends them, and waits until the part is back."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial

import psycopg
from local_stack.errors import StackError
from local_stack.probes import answers_sql, listens, speaks_amqp
from local_stack.supervision import Process
from local_stack.waiting import Probe, until

from faults.alarms import alarm
from faults.final import in_database
from faults.history import Injury
from faults.schedule import Fault
from faults.stopping import stopped
from faults.system import System, port, says_ready
from faults.waits import commits_stalled, tasks_locked
from faults.world import why_skipped

_BACK_WITHIN_S = 60.0
_TRANSACTIONS_WAIT_AFTER_S = 0.2
_TERMINATE = "select pg_terminate_backend(pid) from pg_stat_activity where usename like 'taskwire_%'"

type Inflict = Callable[[System, Fault], Awaitable[None]]
"""Returns when the part is back."""


async def injure(system: System, fault: Fault, number: int) -> Injury:
    """Injects the fault, and returns its record once the part is back. TimeoutError after a minute."""
    began_s = time.monotonic()
    skipped = await why_skipped(INFLICT[fault.kind](system, fault), StackError, psycopg.Error, ProcessLookupError)
    return Injury(
        round=number,
        kind=fault.kind,
        part=fault.part,
        began_s=began_s,
        back_s=time.monotonic(),
        holds_transactions=(fault.kind, fault.part) in HOLDING_TRANSACTIONS,
        holds_requests=(fault.kind, fault.part) == ("stop", "gateway"),
        skipped=skipped,
    )


async def _kill(system: System, fault: Fault) -> None:
    process = system.process(fault.part, fault.replica)
    await _ended_by(process, signal.SIGKILL)
    await until(_probe(system, process), within_s=_BACK_WITHIN_S, every_s=0.02)


async def _restart(system: System, fault: Fault) -> None:
    """A rolling restart: each replica that runs in turn, the next one once the last says that it is ready."""
    for process in [replica for replica in system.replicas[fault.part] if replica.pid is not None]:
        await _ended_by(process, signal.SIGTERM)
        await until(partial(says_ready, process), within_s=_BACK_WITHIN_S, every_s=0.02)


async def _ended_by(process: Process, signum: signal.Signals) -> None:
    """Sends the signal, and waits until supervision has restarted the process."""
    former = process.pid

    async def is_another() -> bool:
        return process.pid not in {None, former}

    process.send_signal(signum)
    await until(is_another, within_s=_BACK_WITHIN_S, every_s=0.01)


def _probe(system: System, process: Process) -> Probe:
    """Whether the part is back, as far as it can be asked: a service listens, the task-writer on its admin port."""
    match process.name.removesuffix("-2"):
        case "gateway" | "task-reader":
            return partial(listens, port(process))
        case "rabbitmq":
            return partial(speaks_amqp, system.rabbitmq.port)
        case "postgres":
            return partial(answers_sql, system.postgres.superuser_url)
        case _:
            return partial(listens, int(process.program.environment["ADMIN_PORT"]))


async def _stop(system: System, fault: Fault) -> None:
    with frozen(system.process(fault.part, fault.replica)):
        await asyncio.sleep(fault.seconds)


@contextmanager
def frozen(process: Process) -> Iterator[None]:
    """All processes of a part are stopped inside the context; none where it is not running."""
    with nullcontext() if process.pid is None else stopped(process.pid):
        yield


async def _absence(system: System, fault: Fault) -> None:
    """Stops all replicas gracefully for some time."""
    replicas = system.replicas[fault.part]
    await asyncio.gather(*(process.stop() for process in replicas))
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        for process in replicas:
            await process.start()
    for process in replicas:
        await until(_probe(system, process), within_s=_BACK_WITHIN_S, every_s=0.02)


async def _terminate(system: System, _: Fault) -> None:
    """Ends all database sessions of the services, as a failover does."""
    async with await psycopg.AsyncConnection.connect(system.postgres.superuser_url, autocommit=True) as admin:
        await admin.execute(_TERMINATE)


async def _lock(system: System, fault: Fault) -> None:
    async with tasks_locked(in_database(system.postgres.superuser_url)):
        await _deliver_again(system, fault.seconds)


async def _stall(system: System, fault: Fault) -> None:
    async with commits_stalled(system.postgres.superuser_url):
        await _deliver_again(system, fault.seconds)


async def _deliver_again(system: System, seconds: float) -> None:
    """Cuts the writers' consuming connections alone, once their transactions have come to wait."""
    await asyncio.sleep(_TRANSACTIONS_WAIT_AFTER_S)
    system.lines["writer-rabbitmq"].cut(naming=b"task-writer commands")
    await asyncio.sleep(seconds - _TRANSACTIONS_WAIT_AFTER_S)


async def _memory_alarm(system: System, fault: Fault) -> None:
    async with alarm(system.rabbitmq, "memory"):
        await asyncio.sleep(fault.seconds)


async def _disk_alarm(system: System, fault: Fault) -> None:
    async with alarm(system.rabbitmq, "disk"):
        await asyncio.sleep(fault.seconds)


async def _hold(system: System, fault: Fault) -> None:
    system.lines[fault.part].hold()
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        system.lines[fault.part].release()


async def _cut(system: System, fault: Fault) -> None:
    system.lines[fault.part].cut()


async def _refuse(system: System, fault: Fault) -> None:
    system.lines[fault.part].refuse()
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        system.lines[fault.part].admit()


async def _swallow(system: System, fault: Fault) -> None:
    system.lines[fault.part].swallow()
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        system.lines[fault.part].spit_out()


INFLICT: Mapping[str, Inflict] = {
    "kill": _kill,
    "stop": _stop,
    "restart": _restart,
    "absence": _absence,
    "terminate": _terminate,
    "lock": _lock,
    "stall": _stall,
    "memory alarm": _memory_alarm,
    "disk alarm": _disk_alarm,
    "hold": _hold,
    "cut": _cut,
    "refuse": _refuse,
    "swallow": _swallow,
}
HOLDING_TRANSACTIONS = frozenset(
    {
        ("stop", "postgres"),
        ("stop", "task-writer"),
        ("hold", "writer-postgres"),
        ("lock", "postgres"),
        ("stall", "postgres"),
    }
)
