"""The formula for memory is no less than what slow clients make a real gateway hold."""

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import urlsplit
from uuid import uuid4

from gateway.bodies import MAX_BODY_BYTES
from gateway.settings import GatewaySettings
from local_stack.stack import Stack

from tests.observability.scraping import scrape
from tests.waiting import eventually

from .memory import MIB, of_clients

EACH = 300  # connections with an incomplete head, and as many with an incomplete body
HEAD_BYTES: int = GatewaySettings.model_fields["head_max_bytes"].default
LEFT_OUT = 1024
HEAD = b"GET /readyz HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * (HEAD_BYTES - LEFT_OUT)
BODY = b"POST /api/%s/tasks HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


async def resident_bytes(stack: Stack) -> float:
    return (await scrape(stack.addresses.gateway_admin_url)).sum("process_resident_memory_bytes")


async def test_incomplete_heads_and_bodies_take_no_more_than_the_formula_has_for_them(stack: Stack) -> None:
    before = await resident_bytes(stack)
    gateway = urlsplit(stack.addresses.gateway_url)
    most = of_clients(2 * EACH, EACH, HEAD_BYTES, MAX_BODY_BYTES)
    bodies = BODY % (str(uuid4()).encode(), MAX_BODY_BYTES) + b" " * (MAX_BODY_BYTES - LEFT_OUT)
    seen = [before]

    async def all_is_held() -> bool:
        seen.append(await resident_bytes(stack))
        return seen[-1] - before > EACH * (HEAD_BYTES + MAX_BODY_BYTES) / 2 and seen[-1] - seen[-2] < MIB

    async with AsyncExitStack() as clients:

        async def send(start: bytes) -> None:
            _, requests = await asyncio.open_connection(gateway.hostname, gateway.port)
            clients.callback(requests.close)
            requests.write(start)
            await requests.drain()

        await asyncio.gather(*(send(start) for start in (HEAD, bodies) for _ in range(EACH)))
        await eventually(all_is_held, within_s=8)  # they are timed out after 10 s

    assert max(seen) - before <= most  # it was 50 of 91 MiB
