"""Kept HTTP/1.1 connections to the task-readers at one address, each for one request at a time.

A general HTTP client takes 200 µs for a batch of reads, more than all else that a batch costs in this process. Little
of it is needed: a POST whose body is there, and status, headers and the whole body of the answer. httptools parses, as
in our server; aiohappyeyeballs connects, as in aiohttp.
"""

import asyncio
import random
import socket
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple, cast

from aiohappyeyeballs import AddrInfoType, start_connection
from common.runtime.time_limits import time_limit
from httptools import HttpParserError, HttpResponseParser
from pydantic import HttpUrl

_ADDRESSES_FOR_S = 1.0  # then the name is resolved again: a replaced reader has a new address
_NEXT_ADDRESS_AFTER_S = 0.25  # beside one that is silent; RFC 8305, section 5
_CLOSE = {"Connection": "close"}


class HttpAnswer(NamedTuple):
    """An answer as it was sent. The names of headers are in lower case."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class UnreadableAnswer(Exception):
    """The server does not speak HTTP/1.1."""


class ReaderConnections:
    """Belongs to one event loop. Opens a connection for each request that finds none idle: whoever calls bounds how
    many there are."""

    def __init__(self, url: HttpUrl, connect_timeout_s: float, headers: Mapping[str, str]) -> None:
        self._host, self._port = (url.host or "").strip("[]"), url.port
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._connect_timeout_s = connect_timeout_s
        self._fields = _fields({"Host": f"{url.host}:{url.port}", "Content-Type": "application/json", **headers})
        self._idle: deque[_Connection] = deque()
        self._addresses: deque[AddrInfoType] = deque()
        self._resolve_at = 0.0
        self._loop = asyncio.get_running_loop()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str], *, is_last: bool) -> HttpAnswer:
        """The answer. After one that is not 200, or with `is_last`, the connection is closed, and the next request may
        come to another reader. There is no limit but for connecting.

        Raises OSError when there is no connection, or when it ends before the whole answer; UnreadableAnswer.
        """
        connection = self._take_idle() or await self._connect()
        fields = {"Content-Length": str(len(body)), **headers, **(_CLOSE if is_last else {})}
        answer = await connection.ask(self._head("POST", path, fields) + body)
        if is_last or answer.status != HTTPStatus.OK:
            connection.close()
        elif not connection.is_closed:
            self._idle.append(connection)
        return answer

    async def get_from_each(self, path: str, *, at_most: int, within_s: float) -> list[HttpAnswer]:
        """The answer of each reader, by its address, on a connection of its own; who does not answer is left out."""
        try:
            with time_limit(within_s):
                addresses = await self._resolved()
        except OSError:
            return []
        answers = await asyncio.gather(*(self._get(path, one, within_s) for one in addresses[:at_most]))
        return [answer for answer in answers if answer is not None]

    async def _get(self, path: str, address: AddrInfoType, within_s: float) -> HttpAnswer | None:
        try:
            with time_limit(within_s):
                connection = await self._connect(address)
                answer = await connection.ask(self._head("GET", path, _CLOSE))
        except (OSError, UnreadableAnswer):
            return None
        connection.close()
        return answer

    def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _take_idle(self) -> "_Connection | None":
        """The connection that has been idle for the longest time, so that all readers stay in use."""
        while self._idle:
            if not (connection := self._idle.popleft()).is_closed:
                return connection
        return None

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        return f"{method} {path} HTTP/1.1\r\n{self._fields}{_fields(headers)}\r\n".encode()

    async def _connect(self, address: AddrInfoType | None = None) -> "_Connection":
        """To this address, or to any of the readers. Raises OSError."""
        with time_limit(self._connect_timeout_s):
            addresses = await self._resolved() if address is None else [address]
            connected = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S)
            try:
                name = self._host if self._tls else None
                _, connection = await self._loop.create_connection(
                    _Connection, sock=connected, ssl=self._tls, server_hostname=name
                )
            except BaseException:
                connected.close()
                raise
        return connection

    async def _resolved(self) -> Sequence[AddrInfoType]:
        """The addresses, beginning with another one each time. They are shuffled first: getaddrinfo sorts them
        (RFC 6724), so that all gateways would begin with the same."""
        if self._loop.time() >= self._resolve_at:
            found = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            if self._loop.time() >= self._resolve_at:  # who asks at the same moment takes turns with the others
                self._addresses = deque(random.sample(found, len(found)))
                self._resolve_at = self._loop.time() + _ADDRESSES_FOR_S
        self._addresses.rotate(1)
        return [*self._addresses]


def _fields(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


class _Connection(asyncio.Protocol):
    """The methods that begin with on_ are called by the parser."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self.is_closed = False

    async def ask(self, request: bytes) -> HttpAnswer:
        """Sends one request. When cancelled, nobody waits for the answer, and the connection cannot be used again."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self._fail(ConnectionAbortedError("cancelled"))
            raise

    def close(self) -> None:
        self.is_closed = True
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nothing was asked: the end of an idle connection
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(UnreadableAnswer(repr(error)))

    def on_message_begin(self) -> None:
        if self._answer is None:  # more than was asked
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        answer = HttpAnswer(self._parser.get_status_code(), self._headers, b"".join(self._body))
        self._headers, self._body = {}, []
        if not self._parser.should_keep_alive():
            self.close()
        waiting, self._answer = self._answer, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or ConnectionResetError("closed before the whole answer"))

    def _fail(self, error: Exception) -> None:
        self.is_closed = True
        self._transport.abort()
        waiting, self._answer = self._answer, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
