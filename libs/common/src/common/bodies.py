"""Reads the body of a request with a bound on its size."""

from starlette.requests import Request

from common.problems import BODY_TOO_LARGE, Problem


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """The whole body, in memory. Raises a 413 problem for a larger one, before it is read to the end."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes)
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(received)


def _too_large(max_bytes: int) -> Problem:
    return Problem(BODY_TOO_LARGE, f"A body may have {max_bytes} bytes at most.")
