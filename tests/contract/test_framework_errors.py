"""What is no HTTP is refused like everything else: a problem, nothing internal, and the connection is closed."""

import json

import httpx
import pytest

from .expectations import assert_problem, media_type
from .raw_http import connect, read_answer, read_to_end, request_head
from .tasks import CREATE, GET, LIST, PATCH, REPLACE, Operation, list_all

MALFORMED = {
    "no request line": b"GARBAGE\r\n\r\n",
    "binary": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no HTTP version": b"GET /openapi.json HTTP/x.y\r\nHost: gateway\r\n\r\n",
    "another protocol": b"GET /openapi.json FTP/1.1\r\nHost: gateway\r\n\r\n",
    "a space in the target": b"GET /open api.json HTTP/1.1\r\nHost: gateway\r\n\r\n",
    "a header without a colon": b"GET /openapi.json HTTP/1.1\r\nHost: gateway\r\nno colon\r\n\r\n",
    "a header without a name": b"GET /openapi.json HTTP/1.1\r\nHost: gateway\r\n: value\r\n\r\n",
    "a space in a header's name": b"GET /openapi.json HTTP/1.1\r\nHost: gateway\r\nX Y: value\r\n\r\n",
    "a space before the colon": b"GET /openapi.json HTTP/1.1\r\nHost: gateway\r\nX : value\r\n\r\n",
    "NUL in a header": b"GET /openapi.json HTTP/1.1\r\nHost: gateway\r\nX: a\x00b\r\n\r\n",
    "a length that is a word": b"POST /nothing HTTP/1.1\r\nHost: gateway\r\nContent-Length: ten\r\n\r\n",
    "a negative length": b"POST /nothing HTTP/1.1\r\nHost: gateway\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /nothing HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
}
CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_is_400(gateway_url: str, request_bytes: bytes) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(request_bytes)
        response = read_answer(connection)

    assert_problem(response, 400)


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_closes_the_connection(gateway_url: str, request_bytes: bytes) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(request_bytes)
        read_answer(connection)

        rest = read_to_end(connection)

    assert rest == b""


def test_a_malformed_request_after_a_good_one_is_400(gateway_url: str, user_id: str) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(request_head("GET", LIST.url(user_id, "")))
        good = read_answer(connection)
        connection.sendall(MALFORMED["no request line"])
        malformed = read_answer(connection)

    assert good.status_code == 200
    assert_problem(malformed, 400)


def test_a_malformed_chunk_is_400(gateway_url: str, user_id: str) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(request_head("POST", CREATE.url(user_id, ""), *CHUNKED) + b"no size\r\n")
        response = read_answer(connection)

    assert_problem(response, 400)


def test_a_malformed_chunk_creates_nothing(api: httpx.Client, gateway_url: str, user_id: str) -> None:
    body = b'{"title": "buy milk"}'
    chunks = f"{len(body):x}\r\n".encode() + body + b"\r\nno size\r\n"

    with connect(gateway_url) as connection:
        connection.sendall(request_head("POST", CREATE.url(user_id, ""), *CHUNKED) + chunks)
        read_to_end(connection)

    assert list_all(api, user_id) == []


HEEDED = (
    "Accept", "Authorization", "Content-Encoding", "Content-Type", "Cookie", "Expect", "Forwarded", "Idempotency-Key",
    "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Origin", "Range", "TE",
    "Traceparent", "Tracestate", "X-Forwarded-For", "X-HTTP-Method-Override", "X-Request-ID",
)  # fmt: skip
VALUES = (
    b"", b"*", b",", b'"', b"\\", b"\xff", b"%", b"=", b"\xc3\xa9", b"null", b"-1", b"NaN", b"9" * 5_000, b"[" * 5_000,
    b"Sat, 29 Oct 99999999999 19:43:31 GMT", b"Sat, 29 Oct 1994 19:43:31 +99999999999999999", b"Bearer .", b"Basic =",
)  # fmt: skip


@pytest.mark.parametrize("header", HEEDED)
def test_no_value_of_a_header_is_a_server_error(api: httpx.Client, user_id: str, header: str) -> None:
    def status(operation: Operation, value: bytes) -> int:
        content = None if operation.fields is None else json.dumps(operation.fields)
        head = {b"Content-Type": operation.media_type.encode()} | {header.encode(): value}
        return api.request(
            operation.method, operation.url(user_id, user_id), content=content, headers=[*head.items()]
        ).status_code

    statuses = [
        (operation.name, value, status(operation, value)) for operation in (GET, REPLACE, PATCH) for value in VALUES
    ]

    assert not [seen for seen in statuses if seen[-1] >= 500]


# RFC 9110 has 501 for a method that no path supports; 405 and 400 are as good.
@pytest.mark.parametrize("method", ["BREW", "get", "GETS"])
def test_an_unknown_method_is_refused(gateway_url: str, user_id: str, method: str) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(request_head(method, LIST.url(user_id, ""), "Connection: close"))
        response = read_answer(connection)

    assert response.status_code in {400, 405, 501}
    assert_problem(response, response.status_code)


# There is no WebSocket here. RFC 9110 lets a server ignore an Upgrade and answer the GET; or it refuses.
def test_a_websocket_handshake_is_answered_as_any_request(gateway_url: str, user_id: str) -> None:
    handshake = (
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip

    with connect(gateway_url) as connection:
        connection.sendall(request_head("GET", LIST.url(user_id, ""), *handshake))
        response = read_answer(connection)

    assert response.status_code < 500
    assert media_type(response) == ("application/json" if response.is_success else "application/problem+json")


# A limit on heads is left open, but one that is refused is refused as a problem.
@pytest.mark.parametrize("size_bytes", [10_000, 200_000])
@pytest.mark.parametrize("where", ["header", "target", "query"])
def test_a_very_long_head_is_no_server_error(gateway_url: str, user_id: str, where: str, size_bytes: int) -> None:
    filling, target = "x" * size_bytes, LIST.url(user_id, "")
    head = {
        "header": request_head("GET", target, f"X-Filling: {filling}"),
        "target": request_head("GET", f"{target}/{filling}"),
        "query": request_head("GET", f"{target}?filling={filling}"),
    }[where]

    with connect(gateway_url) as connection:
        connection.sendall(head)
        response = read_answer(connection)

    assert response.status_code < 500
    assert media_type(response) == ("application/json" if response.is_success else "application/problem+json")
