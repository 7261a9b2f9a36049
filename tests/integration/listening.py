"""The three services in this process, with the gateway's settings as a test wants them, and clients of its event
streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from common.http_server.protocol import HttpLimits
from gateway.app import create_app as create_gateway
from gateway.settings import GatewaySettings
from local_stack.rabbitmq import Rabbitmq
from local_stack.rabbitmq_users import SERVICE_USERS
from pydantic import HttpUrl, SecretStr
from task_reader.app import create_app as create_reader
from task_reader.settings import ReaderSettings
from task_writer.app import open_writer

from tests.conftest import Addresses, writer_settings
from tests.serving import Answer, Served, serving
from tests.waiting import eventually

GATEWAY, WRITER, _ = SERVICE_USERS
LIMIT_S = 15.0
PATIENT = dict.fromkeys(("write_deadline_s", "read_timeout_s", "bus_start_timeout_s"), 10.0)
"""Unless a test is about one of them: all services and clients here share one event loop, which may be busy."""
JSON = {"Content-Type": "application/json"}


@dataclass
class Listener:
    """A client of an event stream, that reads when it is asked to."""

    answers: asyncio.StreamReader
    requests: asyncio.StreamWriter
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    comments: int = 0
    retries: list[int] = field(default_factory=list)

    async def next(self, *, within_s: float = LIMIT_S) -> tuple[str, Any]:
        """Name and data of the next event. Raises EOFError at the end of the stream."""
        async with asyncio.timeout(within_s):
            name, data = "", ""
            while True:
                block = await self._block()
                for line in block.splitlines():
                    key, _, value = line.partition(": ")
                    if key == "event":
                        name = value
                    elif key == "data":
                        data += value
                    elif key == "retry":
                        self.retries.append(int(value))
                    elif line == ":":
                        self.comments += 1
                if data:
                    return name, json.loads(data)

    async def all_of(self, revision: int) -> dict[str, Any]:
        """The changes with this revision, whatever came before."""
        while True:
            name, told = await self.next()
            assert name == "changes"
            data: dict[str, Any] = told
            if data["revision"] >= revision:
                return data

    async def rest(self) -> None:
        """Reads until the stream ends."""
        while True:
            try:
                await self.next()
            except EOFError:
                return

    async def _block(self) -> str:
        """What one chunk holds: events are never split."""
        size = int(await self.answers.readuntil(b"\r\n"), 16)
        chunk = await self.answers.readexactly(size + 2)
        if not size:
            raise EOFError
        return chunk[:-2].decode()


@dataclass(frozen=True)
class System:
    """The gateway, and one user."""

    gateway: Served
    user_id: UUID
    opened: AsyncExitStack

    async def listen(
        self,
        query: str = "",
        user_id: UUID | str | None = None,
        headers: str = "",
        receive_bytes: int | None = None,
    ) -> Listener:
        """A stream of the user, perhaps with a small buffer; where its status is not 200, the caller checks that."""
        connection = socket.socket()
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.gateway.port))
        answers, requests = await asyncio.open_connection(sock=connection)
        self.opened.callback(requests.close)
        requests.write(
            f"GET /api/{user_id or self.user_id}/events{query} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode()
        )
        head = (await asyncio.wait_for(answers.readuntil(b"\r\n\r\n"), LIMIT_S)).decode()
        status, *lines = head.splitlines()
        pairs = dict(line.lower().split(": ", 1) for line in lines if line)
        return Listener(answers, requests, int(status.split()[1]), pairs)

    async def listen_from_now(self, **given: Any) -> Listener:
        """One that has had its first event."""
        listener = await self.listen(**given)
        assert listener.status == httpx.codes.OK
        await listener.next()
        return listener

    async def create(self, title: str = "buy milk", user_id: UUID | str | None = None, **more: Any) -> int:
        """The revision of a new task."""
        path = f"/api/{user_id or self.user_id}/tasks"
        body = json.dumps({"title": title, **more}).encode()

        async def is_created() -> bool:
            answers.append(await self.gateway.ask("POST", path, body=body, headers=JSON))
            return answers[-1].status == int(httpx.codes.CREATED)

        answers: list[Answer] = []
        await eventually(is_created, within_s=30)
        return int(answers[-1].headers["etag"].strip('"').partition("-")[2])


def reader_app(addresses: Addresses) -> Any:
    return create_reader(ReaderSettings(reader_database_url=SecretStr(addresses.reader), port=0))


@asynccontextmanager
async def running_system(
    addresses: Addresses,
    rabbitmq: Rabbitmq,
    *,
    reader_port: int | None = None,
    limits: HttpLimits | None = None,
    **given: Any,
) -> AsyncIterator[System]:
    """The gateway and the task-writer with their own users on RabbitMQ; a task-reader at `reader_port`, or one of its
    own."""
    async with AsyncExitStack() as opened:
        if reader_port is None:
            reader_port = (await opened.enter_async_context(serving(reader_app(addresses)))).port
        await opened.enter_async_context(open_writer(writer_settings(addresses, rabbitmq.user_urls[WRITER])))
        settings = GatewaySettings(
            reader_url=HttpUrl(f"http://127.0.0.1:{reader_port}"),
            rabbitmq_url=SecretStr(rabbitmq.user_urls[GATEWAY]),
            port=0,
            **PATIENT | given,
        )
        gateway = await opened.enter_async_context(serving(create_gateway(settings), limits=limits))
        clients = await opened.enter_async_context(AsyncExitStack())
        yield System(gateway, uuid4(), clients)
