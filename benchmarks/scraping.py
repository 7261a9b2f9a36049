"""Scrapes the admin ports as Prometheus does, during a measurement."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

INTERVAL_S = 5.0
ANSWER_WITHIN_S = 5.0


@dataclass
class Scrapes:
    """The number of scrapes so far, and their bytes."""

    count: int = 0
    bytes: int = 0


@asynccontextmanager
async def scraping(admin_urls: Sequence[str]) -> AsyncIterator[Scrapes]:
    """Scrapes each port every INTERVAL_S. A scrape that fails ends the measurement."""
    done = Scrapes()
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session, asyncio.TaskGroup() as tasks:

        async def scrape_for_ever(url: str) -> None:
            while True:
                async with session.get(f"{url}/metrics") as answer:
                    done.bytes += len(await answer.read())
                done.count += 1
                await asyncio.sleep(INTERVAL_S)

        scrapers = [tasks.create_task(scrape_for_ever(url)) for url in admin_urls]
        try:
            yield done
        finally:
            for scraper in scrapers:
                scraper.cancel()
