"""Background tasks are restarted when they fail, and can end the process."""

import asyncio
import itertools
import logging
import subprocess
import sys

import pytest
from common.runtime import background
from common.runtime.background import backoff, running
from prometheus_client import REGISTRY

from tests.waiting import turns

SOON_S = 0.001


def failures(name: str) -> float | None:
    return REGISTRY.get_sample_value("taskwire_background_failures_total", {"task": name})


async def test_work_that_fails_is_logged_counted_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    works, runs = asyncio.Event(), itertools.count()

    async def work() -> None:
        if next(runs) < 3:
            raise ValueError("a fault that nobody expects")
        works.set()

    async with running("fails three times", work, first_pause_s=SOON_S):
        await works.wait()

    assert failures("fails three times") == 3
    assert caplog.text.count("ValueError: a fault that nobody expects") == 3
    levels = {record.levelno for record in caplog.records if record.name == background.__name__}
    assert levels == {logging.ERROR}


async def test_work_that_is_done_is_not_started_again() -> None:
    runs: list[str] = []

    async def work() -> None:
        runs.append("run")

    async with running("done", work):
        (task,) = [one for one in asyncio.all_tasks() if one.get_name() == "done"]
        await task

    assert (runs, failures("done")) == (["run"], 0)


async def test_the_failures_are_there_before_the_first() -> None:
    async with running("has never failed", asyncio.Event().wait):
        assert failures("has never failed") == 0


async def test_it_ends_with_what_it_was_started_for() -> None:
    cleaned_up: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up.append(True)

    async with running("endless", work):
        await turns()

    assert cleaned_up == [True]


def test_work_that_ends_the_process_does_so_with_its_message_and_status_1() -> None:
    script = """
import asyncio, uvloop
from common.runtime.background import running
async def work(): raise SystemExit("the role bypasses everything")
async def main():
    async with running("guard", work): await asyncio.Event().wait()
uvloop.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=30)

    assert (ended.returncode, ended.stderr) == (1, "the role bypasses everything\n")


def test_pauses_grow_to_their_bound_and_differ() -> None:
    pauses = list(itertools.islice(backoff(1.0, 8.0), 10))

    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, [1, 2, 4, 8, 8, 8, 8, 8, 8, 8], strict=True))
    assert len(set(pauses)) == 10
