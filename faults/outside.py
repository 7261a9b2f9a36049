"""A campaign against a running stack: `make run` in another terminal.

It knows what stands in the stack's directory, the addresses in `env` and a pid file for each part, and does one thing:
kill -9. There is one of each service, so reads and writes are refused until it has started again.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from local_stack.probes import listens, speaks_amqp
from local_stack.waiting import until

from faults.campaign import Recorder, Show, busy_clients
from faults.final import final_states, stored_tasks_of
from faults.history import History, Injury
from faults.report import round_line
from faults.schedule import PARTS
from faults.system import write_deadline_s

_BACK_WITHIN_S = 60.0
_ADDRESS_OF = {
    "gateway": "GATEWAY_URL",
    "task-reader": "READER_URL",
    "task-writer": "TASK_WRITER_ADMIN_URL",
    "rabbitmq": "RABBITMQ_URL",
    "postgres": "DATABASE_URL",
}
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 3.0


async def attack(directory: Path, history: History, show: Show) -> None:
    """Fills the history. TimeoutError when a part is not started again, FileNotFoundError when no stack runs there."""
    addresses = _addresses(directory)
    recorder = Recorder(history)
    gateway = psutil.Process(_pid(directory, "gateway"))
    history.campaign = replace(history.campaign, write_deadline_s=write_deadline_s(gateway.environ()))
    async with busy_clients(recorder, [addresses["GATEWAY_URL"]], show):
        await _kill_again_and_again(directory, addresses, recorder, show)
    stored = await stored_tasks_of(addresses["DATABASE_URL"], history.campaign.users)
    history.final.extend(await final_states(stored, addresses["GATEWAY_URL"], history))


async def _kill_again_and_again(directory: Path, addresses: Mapping[str, str], recorder: Recorder, show: Show) -> None:
    plan = recorder.history.campaign
    choice = random.Random(f"{plan.seed} kills")  # noqa: S311 - to be repeated, not to be secret
    ends_s = time.monotonic() + plan.seconds
    for number, part in enumerate(_parts(choice)):
        await asyncio.sleep(choice.uniform(_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S))
        if time.monotonic() > ends_s:
            return
        began_s = time.monotonic()
        await _kill(directory, part, _port(addresses, part))
        injury = Injury(number, "kill", part, began_s, time.monotonic())
        recorder.history.injuries.append(injury)
        await recorder.recovered(injury.back_s)
        show(round_line(recorder.history, number))


def _parts(choice: random.Random) -> Iterator[str]:
    """All five in a random order, then again in another, without end."""
    while True:
        yield from choice.sample(PARTS, len(PARTS))


async def _kill(directory: Path, part: str, port: int) -> None:
    """The part counts as back when there is another process of it that can be connected to."""
    killed = _pid(directory, part)
    if killed is not None:
        os.kill(killed, signal.SIGKILL)

    async def is_back() -> bool:
        if _pid(directory, part) in {None, killed}:
            return False
        return await (speaks_amqp(port) if part == "rabbitmq" else listens(port))

    await until(is_back, within_s=_BACK_WITHIN_S, every_s=0.01)


def _port(addresses: Mapping[str, str], part: str) -> int:
    port = urlsplit(addresses[_ADDRESS_OF[part]]).port
    assert port is not None  # noqa: S101 - `make run` names it
    return port


def _pid(directory: Path, part: str) -> int | None:
    try:
        return int((directory / f"{part}.pid").read_text())
    except (FileNotFoundError, ValueError):  # it is being started, or its pid is being written
        return None


def _addresses(directory: Path) -> dict[str, str]:
    lines = (directory / "env").read_text().splitlines()
    named = (line.removeprefix("export ").partition("=") for line in lines if "=" in line)
    return {name: value.strip("'\"") for name, _, value in named}
