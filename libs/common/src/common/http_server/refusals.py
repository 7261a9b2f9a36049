"""Responses that the server sends without the app: problems, with the same headers as the app's responses."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from common.http.problems import MEDIA_TYPE, RETRY_AFTER_S, Problem, problem_bytes
from common.http.request_ids import HEADER, request_id_of
from common.http_server.answer import CLOSE, head_bytes

type Header = tuple[bytes, bytes]
type HeadersForOrigin = Callable[[str | None], Mapping[str, str]]
"""The CORS headers for a request from this origin; None for a request without an Origin."""

_LINE = rb"\r\n%b:[ \t]*([^\r\n]*?)[ \t]*\r\n"
_REQUEST_ID = re.compile(_LINE % re.escape(HEADER.encode()), re.IGNORECASE)
_ORIGIN = re.compile(_LINE % b"origin", re.IGNORECASE)


def no_cors_headers(_: str | None) -> Mapping[str, str]:
    """The CORS headers when CORS is off."""
    return {}


@dataclass(frozen=True)
class Refusal:
    """A response that rejects a request."""

    status: int
    headers: list[Header]
    body: bytes


def refusal(problem: Problem, received: bytes, for_origin: HeadersForOrigin) -> Refusal:
    """The response to the request that begins with `received`, which may be an incomplete head."""
    body = problem_bytes(problem.kind, problem.detail)
    status = problem.kind.status
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        HEADER.lower(): request_id_of([(HEADER.lower().encode(), _value(_REQUEST_ID, received))]),
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = str(RETRY_AFTER_S)
    origin = _value(_ORIGIN, received)
    headers |= for_origin(origin.decode("latin-1") if origin else None)
    return Refusal(status, [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()], body)


def last_bytes(answer: Refusal, default_headers: Iterable[Header], *, has_body: bool) -> bytes:
    """The complete response, as the last one on its connection."""
    headers = [*(header for header in default_headers if header != CLOSE), *answer.headers, CLOSE]
    return head_bytes(answer.status, headers) + (answer.body if has_body else b"")


def _value(line: re.Pattern[bytes], received: bytes) -> bytes:
    """The value of the first matching header line."""
    match = line.search(received)
    return match[1] if match else b""
