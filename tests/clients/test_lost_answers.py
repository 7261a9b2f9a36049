"""A write whose answer is lost on the way is done once: the Python client behind a relay that cuts off answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from taskwire_client import AsyncClient, Operation


@dataclass
class Relay:
    """A port of this machine before a gateway. It loses the next `to_lose` answers, once the gateway sends them."""

    gateway_url: str
    to_lose: int = 0
    lost: int = 0
    port: int = 0

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. It ends when the client closes it, and with an answer that is lost."""
        gateway = urlsplit(self.gateway_url)
        from_gateway, to_gateway = await asyncio.open_connection(gateway.hostname, gateway.port)
        async with asyncio.TaskGroup() as tasks:
            requests = tasks.create_task(_copy(reader, to_gateway))
            while answer := await from_gateway.read(2**16):
                if self.to_lose:
                    self.to_lose, self.lost = self.to_lose - 1, self.lost + 1
                    break
                writer.write(answer)
            requests.cancel()
        writer.close()
        to_gateway.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(2**16):
        writer.write(part)
    writer.close()


@asynccontextmanager
async def relay_before(gateway_url: str) -> AsyncIterator[Relay]:
    relay = Relay(gateway_url)
    async with await asyncio.start_server(relay.pass_on, "127.0.0.1", 0) as server:
        relay.port = server.sockets[0].getsockname()[1]
        yield relay


@pytest.mark.parametrize("to_lose", [1, 3])
async def test_a_write_whose_answer_is_lost_is_done_once(gateway_url: str, to_lose: int) -> None:
    async with relay_before(gateway_url) as relay, httpx.AsyncClient(trust_env=False) as http:
        client = AsyncClient(f"http://127.0.0.1:{relay.port}", uuid4(), http=http)

        relay.to_lose = to_lose
        task = await client.create("Buy milk")
        relay.to_lose = to_lose
        flipped = await client.complete(task.id, is_completed=None)
        relay.to_lose = to_lose
        await client.batch([Operation.create("Buy bread"), Operation.complete(task.id, is_completed=None)])
        there = (await client.sync()).newest_first()
        relay.to_lose = to_lose
        await client.delete(task.id)

    assert relay.lost == 4 * to_lose
    assert flipped.is_completed
    assert [(one.title, one.is_completed) for one in there] == [("Buy bread", False), ("Buy milk", False)]
