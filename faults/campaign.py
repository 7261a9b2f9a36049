"""Runs a campaign: load and faults at the same time, recorded in a history."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

from local_stack.waiting import until

from faults.final import final_states, stored_tasks
from faults.history import Campaign, History, Injury, Operation
from faults.injuries import injure
from faults.lateness import SLACK_S
from faults.load import Client, Load
from faults.report import progress_line, round_line
from faults.schedule import Round, rounds
from faults.streams import followed_users
from faults.system import System, running_system
from faults.world import World

GATEWAYS = 2

_PROGRESS_EVERY_S = 5.0
_WARM_UP_WITHIN_S = 60.0
_RECOVERED_WITHIN_S = 20.0  # then the next faults come all the same; what is promised is judged afterwards
_LONGEST_FAULT_S = 10.0
_BREATH_S = 0.5  # between a recovery and the next faults

type Show = Callable[[str], None]


class Recorder:
    """Keeps what happens, and when the latest successful read and write at each gateway began."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._began_s = dict.fromkeys(product(range(history.campaign.gateways), ("read", "write")), 0.0)

    def record(self, operation: Operation) -> None:
        self.history.operations.append(operation)
        if operation.is_answered:
            kind = (operation.gateway, "write" if operation.is_write else "read")
            self._began_s[kind] = max(self._began_s[kind], operation.began_s)

    async def both_pass(self, since_s: float) -> bool:
        """Whether a read and a write have succeeded at each gateway that began after this moment."""
        return min(self._began_s.values()) >= since_s

    async def recovered(self, since_s: float) -> None:
        """Returns once both pass, or after 20 s: how long it took is judged from the history."""
        with suppress(TimeoutError):
            await until(lambda: self.both_pass(since_s), within_s=_RECOVERED_WITHIN_S)


async def run_campaign(directory: Path, history: History, show: Show) -> None:
    """Runs the history's campaign on a system of its own in `directory`, and fills the history. Takes some
    20 s more than the campaign's seconds.

    TimeoutError when a part does not come back.
    """
    async with running_system(directory, show) as system:
        await break_world(_world(system), history, show)


async def break_world(world: World, history: History, show: Show) -> None:
    """Runs the history's campaign on a world that is whole, and fills the history."""
    recorder = Recorder(history)
    plan = history.campaign = replace(history.campaign, write_deadline_s=world.write_deadline_s)
    async with busy_clients(recorder, world.gateway_urls, show):
        await _make_faults(plan, world, recorder, show)
    stored = await world.stored_tasks()
    history.final.extend(await final_states(stored, world.gateway_urls[0], history))


def _world(system: System) -> World:
    return World(
        gateway_urls=system.gateway_urls,
        write_deadline_s=system.write_deadline_s,
        rounds=rounds,
        injure=partial(injure, system),
        is_whole=system.is_ready,
        whole_within_s=_RECOVERED_WITHIN_S,
        stored_tasks=partial(stored_tasks, system.postgres.superuser_url),
    )


@asynccontextmanager
async def busy_clients(recorder: Recorder, gateway_urls: Sequence[str], show: Show) -> AsyncIterator[None]:
    """Runs the plan's clients inside the context. Afterwards every write has taken effect or never will, and streams
    had time to tell it."""
    plan = recorder.history.campaign
    load = Load(gateway_urls, recorder.record, answer_within_s=plan.write_deadline_s + _LONGEST_FAULT_S)
    async with followed_users(plan, load, recorder.history.streamed.append):
        async with asyncio.TaskGroup() as tasks:
            for number in range(plan.clients):
                tasks.create_task(Client(number, plan.seed, load).run())
            reporting = tasks.create_task(_report(plan, recorder.history, show))
            await until(lambda: recorder.both_pass(0.1), within_s=_WARM_UP_WITHIN_S)
            yield
            load.ending.set()
            reporting.cancel()
        await asyncio.sleep(plan.write_deadline_s + SLACK_S)


def plan_campaign(seed: int, seconds: float, clients: int, gateways: int = GATEWAYS) -> Campaign:
    """The plan, with the users that the clients will be."""
    load = Load((), lambda _: None)
    users = tuple(Client(number, seed, load).user_id for number in range(clients))
    return Campaign(seed, seconds, clients, users, gateways=gateways)


async def _make_faults(plan: Campaign, world: World, recorder: Recorder, show: Show) -> None:
    ends_s = time.monotonic() + plan.seconds
    next_s = time.monotonic()
    for number, one in enumerate(world.rounds(plan.seed)):
        next_s = max(next_s + one.pause_s, time.monotonic() + _BREATH_S)
        if next_s >= ends_s:
            return
        await asyncio.sleep(next_s - time.monotonic())
        next_s = time.monotonic()
        injuries = await _hurt(world, one, number)
        recorder.history.injuries.extend(injuries)
        await recorder.recovered(max(injury.back_s for injury in injuries))
        with suppress(TimeoutError):
            await until(world.is_whole, within_s=world.whole_within_s)
        show(round_line(recorder.history, number))


async def _hurt(world: World, one: Round, number: int) -> list[Injury]:
    async with asyncio.TaskGroup() as tasks:
        pending = [tasks.create_task(world.injure(fault, number)) for fault in one.faults]
    return [task.result() for task in pending]


async def _report(plan: Campaign, history: History, show: Show) -> None:
    began_s = time.monotonic()
    while True:
        before = len(history.operations)
        await asyncio.sleep(_PROGRESS_EVERY_S)
        rate = (len(history.operations) - before) / _PROGRESS_EVERY_S
        show(progress_line(history, time.monotonic() - began_s, plan.seconds, rate))
