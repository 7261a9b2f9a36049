"""A body of 64 KiB is read; one byte more is a 413, however it is sent."""

from collections.abc import Iterator

import httpx
import pytest

from .expectations import assert_problem
from .raw_http import connect, json_head, read_answer, request_head
from .tasks import CREATE, WITH_BODY, Operation, create, list_all

LIMIT_BYTES = 64 * 1024
BODIES = {
    "create": b'{"title": "x"}',
    "replace": b'{"title": "x"}',
    "patch": b'{"title": "x"}',
    "complete": b'{"is_completed": true}',
}
JSON_TYPE = {"Content-Type": "application/json"}
PART_BYTES = 10_000


def padded(operation: Operation, size_bytes: int) -> bytes:
    """A body that the operation accepts, filled up with white space to this size."""
    return BODIES[operation.name].ljust(size_bytes)


def in_parts(body: bytes) -> Iterator[bytes]:
    """The body in parts; httpx sends what comes in parts as chunks, without a Content-Length."""
    for start in range(0, len(body), PART_BYTES):
        yield body[start : start + PART_BYTES]


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "chunked"])
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_of_64_kib_is_read(api: httpx.Client, user_id: str, operation: Operation, chunked: bool) -> None:
    url = operation.url(user_id, create(api, user_id)["id"])
    body = padded(operation, LIMIT_BYTES)

    content = in_parts(body) if chunked else body
    response = api.request(operation.method, url, content=content, headers=operation.headers)

    assert response.status_code == operation.success


@pytest.mark.parametrize("size_bytes", [LIMIT_BYTES + 1, 16 * LIMIT_BYTES])
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "chunked"])
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_over_64_kib_is_413(
    api: httpx.Client, user_id: str, operation: Operation, chunked: bool, size_bytes: int
) -> None:
    url = operation.url(user_id, create(api, user_id)["id"])
    body = padded(operation, size_bytes)

    content = in_parts(body) if chunked else body
    response = api.request(operation.method, url, content=content, headers=operation.headers)

    assert_problem(response, 413)


def test_a_body_over_64_kib_creates_nothing(api: httpx.Client, user_id: str) -> None:
    body = padded(CREATE, LIMIT_BYTES + 1)

    api.post(CREATE.url(user_id, ""), content=body, headers=JSON_TYPE)

    assert list_all(api, user_id) == []


def test_an_announced_length_over_64_kib_is_413_at_once(gateway_url: str, user_id: str) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(json_head("POST", CREATE.url(user_id, ""), 10 * 1024**3))
        response = read_answer(connection)

    assert_problem(response, 413)


def test_chunks_without_end_are_413_at_the_limit(gateway_url: str, user_id: str) -> None:
    head = request_head("POST", CREATE.url(user_id, ""), "Content-Type: application/json", "Transfer-Encoding: chunked")
    size = LIMIT_BYTES + 1

    with connect(gateway_url) as connection:
        connection.sendall(head + f"{size:x}\r\n".encode() + b" " * size + b"\r\n")
        response = read_answer(connection)

    assert_problem(response, 413)


# A client that was promised more would send its next request on a connection that is about to be closed.
def test_an_answer_before_the_end_of_a_chunked_body_says_that_the_connection_closes(
    gateway_url: str, user_id: str
) -> None:
    head = request_head("POST", CREATE.url(user_id, ""), "Content-Type: application/json", "Transfer-Encoding: chunked")
    with connect(gateway_url) as connection:
        connection.sendall(head + b"%x\r\n" % (LIMIT_BYTES + 1) + b" " * (LIMIT_BYTES + 1))
        response = read_answer(connection)

    assert_problem(response, 413)
    assert response.headers["connection"] == "close"
