"""Each case of the table, over one socket of the gateway, and those about heads over one of the task-reader."""

import os
import socket
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from local_stack.stack import Stack

from .raw_cases import ALL, KILL, READS, RawCase
from .raw_http import connect
from .tasks import create, list_all

PROBE = b"OPTIONS /probe HTTP/1.1\r\nHost: a\r\n\r\n"
PROBED = 404


class Answers:
    """The answers on one connection, in order."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""

    def status(self) -> int:
        """The next answer's status, its body skipped; 0 when the connection has ended. 1xx are answers too."""
        head = self._until_end_of_head()
        if not head:
            return 0
        lengths = [int(line.split(b":")[1]) for line in head.splitlines() if line.startswith(b"content-length:")]
        assert len(lengths) <= 1, head
        status = int(head.split(b" ")[1])
        self._take(0 if status == 204 else sum(lengths))
        return status

    def _until_end_of_head(self) -> bytes:
        while b"\r\n\r\n" not in self._received:
            part = self._connection.recv(65_536)
            if not part:
                assert self._received == b""
                return b""
            self._received += part
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return head

    def _take(self, size: int) -> None:
        while len(self._received) < size:
            part = self._connection.recv(65_536)
            assert part, "the answer was cut off"
            self._received += part
        self._received = self._received[size:]


@pytest.fixture
def victim(api: httpx.Client, stranger_id: str) -> Iterator[str]:
    """The path of another user's task, which lives when the test is over."""
    task = create(api, stranger_id)
    yield f"/api/{stranger_id}/tasks/{task['id']}"
    assert list_all(api, stranger_id) == [task]


def fill(case: RawCase, user_id: str, task_id: str, victim: str) -> bytes:
    """What is sent: `sent`, with the paths in it."""
    tasks = f"/api/{user_id}/tasks"
    paths = {
        "{tasks}": tasks,
        "{task}": f"{tasks}/{task_id}",
        "{victim}": victim,
        "{user}": f"/api/{user_id}",
        "{id}": task_id,
    }
    sent = case.sent
    paths["{kill}"] = str(len(KILL.replace(b"{victim}", victim.encode())))
    for name, path in paths.items():
        sent = sent.replace(name.encode(), path.encode())
    return sent


def statuses_of(connection: socket.socket, sent: bytes, case: RawCase) -> tuple[list[int], int]:
    """The statuses that came, and that of one request more; 0 where the connection has ended instead."""
    answers = Answers(connection)
    connection.sendall(sent)
    statuses = [answers.status() for _ in case.statuses]
    if not case.closes:
        connection.sendall(PROBE)
    return statuses, answers.status()


@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_gateway_does_what_the_rfc_says(
    api: httpx.Client, gateway_url: str, user_id: str, victim: str, case: RawCase
) -> None:
    task = create(api, user_id)
    sent = fill(case, user_id, task["id"], victim)

    with connect(gateway_url) as connection:
        statuses, after = statuses_of(connection, sent, case)

    closes = case.closes or b"HTTP/1.0" in case.sent
    assert (statuses, after) == (list(case.statuses), 0 if closes else PROBED), f"RFC {case.section}"
    left = list_all(api, user_id)
    assert (len(left), left[-1]) == (1 + case.created, task)


@pytest.mark.skipif("TEST_GATEWAY_URL" in os.environ, reason="the task-reader is out of reach")
@pytest.mark.parametrize("case", READS, ids=str)
def test_the_task_reader_does_so_too(stack: Stack, case: RawCase) -> None:
    sent = fill(case, str(uuid4()), str(uuid4()), "/unused")

    with connect(stack.addresses.reader_url) as connection:
        statuses, after = statuses_of(connection, sent, case)

    closes = case.closes or b"HTTP/1.0" in case.sent
    assert (statuses, after) == (list(case.statuses), 0 if closes else PROBED), f"RFC {case.section}"
