"""The client of the services in this process takes nothing that they need."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.serving import serving

MANY = 40  # more than the event loop has threads of its own


async def _answer_from_a_thread(scope: dict[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", scope["server"][1])
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_a_service_looks_up_names_while_many_clients_wait_for_it() -> None:
    async with serving(_answer_from_a_thread, lifespan="off") as served:
        answers = await asyncio.gather(*(served.ask("GET", "/") for _ in range(MANY)))

    assert [answer.status for answer in answers] == [204] * MANY
