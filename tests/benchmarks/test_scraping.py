"""Admin ports are scraped while something is measured, and one that gives no metrics ends the measurement."""

import asyncio

import pytest
from common.observability.admin import open_admin
from common.observability.health import Health
from common.settings import AdminSettings
from local_stack.ports import pick_port

from benchmarks.scraping import scraping
from tests.waiting import eventually


async def test_each_port_is_scraped_at_once() -> None:
    ports = [first := pick_port(), pick_port(avoid=frozenset({first}))]
    health = Health("gateway", enough=all)
    async with (
        open_admin(AdminSettings(admin_port=ports[0]), health),
        open_admin(AdminSettings(admin_port=ports[1]), health),
        scraping([f"http://127.0.0.1:{port}" for port in ports]) as scrapes,
    ):

        async def all_scraped() -> bool:
            return scrapes.count >= len(ports)

        await eventually(all_scraped)

    assert scrapes.bytes > 0


async def test_a_port_without_metrics_ends_what_is_measured() -> None:
    with pytest.RaisesGroup(OSError):
        async with scraping([f"http://127.0.0.1:{pick_port()}"]):
            await asyncio.Event().wait()
