"""Virtual time passes at once and in order, and a program that would hang is found."""

import asyncio
import time

import pytest

from benchmarks.simulation.virtual_time import Stuck, run


def test_an_hour_passes_at_once() -> None:
    async def sleep() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()

    assert run(sleep()) == pytest.approx(3600)
    assert time.monotonic() - began < 60


def test_timers_fire_in_order_whenever_they_were_set() -> None:
    async def sleep() -> list[float]:
        fired: list[float] = []
        loop = asyncio.get_running_loop()
        for seconds in (0.3, 0.1, 0.2):
            loop.call_later(seconds, fired.append, seconds)
        await asyncio.sleep(1)
        return fired

    assert run(sleep()) == [0.1, 0.2, 0.3]


def test_waiting_for_nothing_is_found() -> None:
    with pytest.raises(Stuck):
        run(asyncio.Event().wait())
