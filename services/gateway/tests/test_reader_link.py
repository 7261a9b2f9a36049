"""Task-readers come and go behind one name, and no read is lost to that."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from typing import Any

import pytest
from common.contracts.framing import pack
from common.contracts.revised import Revised
from gateway.reader_link import ReaderLink, ReaderUnavailable, open_reader_link
from gateway.reading import Read

from tests.ports import closed_port
from tests.serving import LIMIT_S

from .in_process import settings

NAME = "readers.test"
READ = Read(user_id="00000000-0000-0000-0000-000000000001", task_id=None)
ADDRESSES = ("127.0.0.1", "127.0.0.2")
ANSWER = pack([b"{}"])
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n".encode()
WHOLE = HEAD + b"\r\n" + ANSWER

type Answering = Callable[[asyncio.StreamWriter], None]


@pytest.fixture(autouse=True)
def _two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolves a service to two replicas, and all other names with the system's resolver."""
    ask_system = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *more: Any, **named: Any) -> list[Any]:
        hosts = ADDRESSES if host == NAME else (host,)
        return [found for one in hosts for found in ask_system(one, port, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


class Reader:
    """Answers each request as the test sets it, and counts requests and connections."""

    def __init__(self, answering: Answering) -> None:
        self.requests = self.connections = 0
        self._answering = answering

    async def serve(self, requests: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await _head(requests):
            self.requests += 1
            await requests.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
            self._answering(answers)
            if answers.is_closing() or "connection: close" in head:
                break
        answers.close()


async def _head(requests: asyncio.StreamReader) -> str:
    try:
        return (await requests.readuntil(b"\r\n\r\n")).decode().lower()
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


def answer(answers: asyncio.StreamWriter) -> None:
    answers.write(WHOLE)


def close(answers: asyncio.StreamWriter) -> None:
    answers.close()


def reset(answers: asyncio.StreamWriter) -> None:
    answers.transport.abort()


def answer_in_parts(answers: asyncio.StreamWriter) -> None:
    parts = b"".join(b"1;last=no\r\n%c\r\n" % byte for byte in ANSWER)
    answers.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + parts + b"0\r\nx: y\r\n\r\n")


def answer_more_than_asked(answers: asyncio.StreamWriter) -> None:
    answers.write(WHOLE + WHOLE)


def answer_and_give_up_waiting(answers: asyncio.StreamWriter) -> None:
    answers.write(WHOLE)
    answers.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    answers.close()


def answer_and_close(answers: asyncio.StreamWriter) -> None:
    answers.write(HEAD + b"Connection: close\r\n\r\n" + ANSWER)
    answers.close()


def be_late(answers: asyncio.StreamWriter) -> None:
    answers.write(b"HTTP/1.1 503 Service Unavailable\r\nREPLICA-LATE: true\r\nContent-Length: 0\r\n\r\n")


def speak_otherwise(answers: asyncio.StreamWriter) -> None:
    answers.write(b"SSH-2.0-OpenSSH_9.2\r\n")


def stop_in_the_middle(answers: asyncio.StreamWriter) -> None:
    answers.write(WHOLE[:-1])
    answers.close()


@asynccontextmanager
async def link_to(*answering: Answering | None, timeout_s: float = LIMIT_S) -> AsyncIterator[tuple[ReaderLink, Any]]:
    """The link to readers at one port of ADDRESSES each; None is one that is not there."""
    async with AsyncExitStack() as opened:
        port, readers = opened.enter_context(closed_port()), [Reader(one) if one else None for one in answering]
        for address, reader in zip(ADDRESSES, readers, strict=False):
            if reader is not None:
                await opened.enter_async_context(await asyncio.start_server(reader.serve, address, port))
        given = settings(port, reader_url=f"http://{NAME}:{port}", read_timeout_s=timeout_s)
        yield await opened.enter_async_context(open_reader_link(given.reader_url, given)), readers


async def test_a_reader_that_is_not_there_is_not_noticed() -> None:
    async with link_to(None, answer) as (link, (_, there)):
        answers = await asyncio.gather(*(link.ask([READ]) for _ in range(8)))

    assert answers == [[Revised(None, memoryview(b"{}"))]] * 8
    assert there.requests == 8


@pytest.mark.parametrize("failing", [close, reset, stop_in_the_middle])
async def test_a_request_that_one_reader_does_not_answer_is_sent_to_another(failing: Answering) -> None:
    async with link_to(failing, answer) as (link, readers):
        answers = [await link.ask([READ]) for _ in range(6)]

    assert answers == [[Revised(None, memoryview(b"{}"))]] * 6
    assert readers[1].requests == 6


@pytest.mark.parametrize(
    "answering",
    [answer, answer_in_parts, answer_and_close, answer_more_than_asked, answer_and_give_up_waiting],
)
async def test_an_answer_is_read_to_its_end_and_no_further(answering: Answering) -> None:
    async with link_to(answering) as (link, _):
        answers = [await link.ask([READ]) for _ in range(4)]

    assert answers == [[Revised(None, memoryview(b"{}"))]] * 4


async def test_after_a_reader_that_is_late_another_is_asked() -> None:
    async with link_to(be_late, answer) as (link, readers):
        answers = [await link.ask([READ]) for _ in range(4)]

    assert answers == [[Revised(None, memoryview(b"{}"))]] * 4
    assert readers[1].requests == 4


async def test_what_is_no_http_is_not_asked_again() -> None:
    async with link_to(speak_otherwise) as (link, (other,)):
        with pytest.raises(ReaderUnavailable):
            await link.ask([READ])

    assert other.requests == 1


async def test_a_late_answer_is_not_taken_for_that_of_the_next_request() -> None:
    numbers, asked, late = count(), asyncio.Event(), list[Callable[[], None]]()

    def answer_the_first_late(answers: asyncio.StreamWriter) -> None:
        number = next(numbers)
        body = pack([b"%d" % number])
        answer = partial(answers.write, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        if number == 0:
            late.append(answer)
            asked.set()
        else:
            answer()

    async with link_to(answer_the_first_late) as (link, _):
        given_up = asyncio.create_task(link.ask([READ]))
        await asyncio.wait_for(asked.wait(), LIMIT_S)
        given_up.cancel()
        await asyncio.wait([given_up])
        late[0]()
        answers = await link.ask([READ])

    assert given_up.cancelled()
    assert answers == [Revised(1, None)]


async def test_connections_go_to_all_readers() -> None:
    def keep_busy(answers: asyncio.StreamWriter) -> None:
        asyncio.get_running_loop().call_later(0.05, answers.write, WHOLE)

    async with link_to(keep_busy, keep_busy) as (link, readers):
        for _ in range(4):
            await asyncio.gather(*(link.ask([READ]) for _ in range(8)))

    assert min(reader.requests for reader in readers) > 0


@pytest.mark.parametrize("failing", [close, reset, stop_in_the_middle])
async def test_a_request_that_no_reader_survives_is_given_up(failing: Answering) -> None:
    async with link_to(failing, failing) as (link, readers):
        with pytest.raises(ReaderUnavailable):
            await link.ask([READ])

    assert sum(reader.requests for reader in readers) == 5


async def test_without_any_reader_it_is_said_soon() -> None:
    began = asyncio.get_running_loop().time()

    async with link_to(None, None) as (link, _):
        with pytest.raises(ReaderUnavailable):
            await link.ask([READ])

    assert asyncio.get_running_loop().time() - began < LIMIT_S / 2  # long before READ_TIMEOUT_S


async def test_a_silent_reader_is_not_waited_for_longer_than_the_limit() -> None:
    async with link_to(lambda _: None, lambda _: None, timeout_s=0.2) as (link, _), asyncio.timeout(LIMIT_S):
        with pytest.raises(ReaderUnavailable):
            await link.ask([READ])


async def test_a_connection_is_renewed_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reader_link._RENEW_EVERY_S", 0.0)

    async with link_to(answer) as (link, (reader,)):
        for _ in range(5):
            await link.ask([READ])

    assert reader.connections == 5


async def test_connections_are_kept_otherwise() -> None:
    async with link_to(answer) as (link, (reader,)):
        for _ in range(5):
            await link.ask([READ])

    assert reader.connections == 1
