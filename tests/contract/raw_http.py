"""HTTP by hand, for what no client library agrees to send: malformed requests, cut bodies, half-closed connections."""

import socket
import struct
from http.client import HTTPResponse

import httpx

ANSWER_TIMEOUT_S = 15


def connect(gateway_url: str) -> socket.socket:
    """A connection to the gateway; to be closed by the caller. Every wait on it is limited."""
    url = httpx.URL(gateway_url)
    connection = socket.create_connection((url.host, url.port or 80), timeout=ANSWER_TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def request_head(method: str, target: str, *headers: str) -> bytes:
    """The request line and the headers, up to the empty line; `Host` is added."""
    lines = (f"{method} {target} HTTP/1.1", "Host: gateway", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def json_head(method: str, target: str, body_bytes: int) -> bytes:
    """The head of a request that announces a JSON body of this many bytes."""
    return request_head(method, target, "Content-Type: application/json", f"Content-Length: {body_bytes}")


def read_answer(connection: socket.socket) -> httpx.Response:
    """The next answer on the connection, interim ones (1xx) skipped; raises ConnectionError when there is none."""
    answer = HTTPResponse(connection)
    try:
        answer.begin()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())
    finally:
        answer.close()


def read_to_end(connection: socket.socket) -> bytes:
    """All that the gateway still sends before it closes the connection; a reset is an end as well."""
    received = bytearray()
    try:
        while part := connection.recv(65_536):
            received += part
    except ConnectionError:
        pass
    return bytes(received)


def reset(connection: socket.socket) -> None:
    """Closes the connection with a reset, as a client does that has crashed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
