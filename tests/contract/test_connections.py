"""Clients that are slow, stop half-way or vanish harm nobody, and half a body is no body."""

import re
import socket
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from .expectations import assert_problem
from .raw_http import connect, json_head, read_answer, read_to_end, request_head, reset
from .tasks import COMPLETE, CREATE, LIST, create, list_all

BODY = b'{"title": "buy milk"}'
type End = Callable[[socket.socket], None]


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["closing", "resetting"])
@pytest.mark.parametrize("sent_bytes", [0, 1, len(BODY) - 1])
def test_a_client_that_leaves_in_mid_body_harms_nobody(
    api: httpx.Client, gateway_url: str, user_id: str, end: End, sent_bytes: int
) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(json_head("POST", CREATE.url(user_id, ""), len(BODY)) + BODY[:sent_bytes])
        end(connection)

    assert list_all(api, user_id) == []


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["closing", "resetting"])
def test_a_client_that_leaves_before_its_answer_harms_nobody(
    api: httpx.Client, gateway_url: str, user_id: str, end: End
) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(json_head("POST", CREATE.url(user_id, ""), len(BODY)) + BODY)
        end(connection)

    # Whether the task of a client that is gone still comes into being is left open.
    assert api.post(CREATE.url(user_id, ""), content=BODY, headers={"Content-Type": "application/json"}).is_success


def test_many_clients_that_leave_harm_nobody(api: httpx.Client, gateway_url: str, user_id: str) -> None:
    for _ in range(50):
        with connect(gateway_url) as connection:
            connection.sendall(request_head("GET", LIST.url(user_id, "")))
            reset(connection)

    assert list_all(api, user_id) == []


def test_a_body_that_ends_early_is_400(api: httpx.Client, gateway_url: str, user_id: str) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(json_head("POST", CREATE.url(user_id, ""), len(BODY) + 1) + BODY)
        connection.shutdown(socket.SHUT_WR)
        answer = read_to_end(connection)

    # A server may take the half-closed connection for a lost one and say nothing; it must not say yes.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert list_all(api, user_id) == []


def test_a_body_in_single_bytes_is_read(gateway_url: str, user_id: str) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(json_head("POST", CREATE.url(user_id, ""), len(BODY)))
        for byte in BODY:
            connection.sendall(bytes([byte]))
        response = read_answer(connection)

    assert (response.status_code, response.json()["title"]) == (201, "buy milk")


def test_a_body_in_single_byte_chunks_is_read(gateway_url: str, user_id: str) -> None:
    chunked = ("Content-Type: application/json", "Transfer-Encoding: chunked")

    with connect(gateway_url) as connection:
        connection.sendall(request_head("POST", CREATE.url(user_id, ""), *chunked))
        for byte in BODY:
            connection.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        response = read_answer(connection)

    assert (response.status_code, response.json()["title"]) == (201, "buy milk")


def test_a_head_in_single_bytes_is_read(gateway_url: str, user_id: str) -> None:
    with connect(gateway_url) as connection:
        for byte in request_head("GET", LIST.url(user_id, "")):
            connection.sendall(bytes([byte]))
        response = read_answer(connection)

    assert (response.status_code, response.json()) == (200, [])


def test_a_client_that_waits_for_100_continue_gets_it(gateway_url: str, user_id: str) -> None:
    head = json_head("POST", CREATE.url(user_id, ""), len(BODY))
    expecting = head.removesuffix(b"\r\n") + b"Expect: 100-continue\r\n\r\n"

    with connect(gateway_url) as connection:
        connection.sendall(expecting)
        interim = connection.recv(1_024)
        connection.sendall(BODY)
        response = read_answer(connection)

    assert interim.startswith(b"HTTP/1.1 100 ")
    assert response.status_code == 201


def test_clients_that_stall_in_mid_body_hold_up_nobody(
    api: httpx.Client, gateway_url: str, user_id: str, stranger_id: str
) -> None:
    with ExitStack() as stalled:
        for _ in range(20):
            connection = stalled.enter_context(connect(gateway_url))
            connection.sendall(json_head("POST", CREATE.url(stranger_id, ""), len(BODY)) + BODY[:5])

        task = create(api, user_id)

    assert list_all(api, user_id) == [task]


def test_a_stalled_body_that_goes_on_is_read(api: httpx.Client, gateway_url: str, user_id: str) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(json_head("POST", CREATE.url(user_id, ""), len(BODY)) + BODY[:5])
        create(api, user_id)  # a whole write in between, so that the gateway has surely met the first half alone
        connection.sendall(BODY[5:])
        response = read_answer(connection)

    assert response.status_code == 201


def test_two_requests_in_one_packet_are_answered_in_order(api: httpx.Client, gateway_url: str, user_id: str) -> None:
    task = create(api, user_id)
    complete = json_head("PATCH", COMPLETE.url(user_id, task["id"]), 0)

    with connect(gateway_url) as connection:
        connection.sendall(complete + request_head("GET", "/nothing", "Connection: close"))
        answers = read_to_end(connection)

    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answers) == [b"200", b"404"]


@pytest.mark.parametrize(("body", "status"), [(b'{"title": ""}', 422), (b'{"title": "', 400)], ids=["422", "400"])
def test_a_refused_request_leaves_its_connection_usable(
    gateway_url: str, user_id: str, body: bytes, status: int
) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(json_head("POST", CREATE.url(user_id, ""), len(body)) + body)
        refused = read_answer(connection)
        connection.sendall(request_head("GET", LIST.url(user_id, "")))
        response = read_answer(connection)

    assert_problem(refused, status)
    assert (response.status_code, response.json()) == (200, [])
