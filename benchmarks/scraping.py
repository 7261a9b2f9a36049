"""Scrapes the admin ports as Prometheus does, for as long as something is measured."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

INTERVAL_S = 5.0
ANSWER_WITHIN_S = 5.0


@dataclass
class Scrapes:
    """How many scrapes there were so far, and what they brought."""

    count: int = 0
    bytes: int = 0


@asynccontextmanager
async def scraping(admin_urls: Sequence[str]) -> AsyncIterator[Scrapes]:
    """Asks each port for its metrics every INTERVAL_S. One that does not give them ends what is measured meanwhile."""
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
