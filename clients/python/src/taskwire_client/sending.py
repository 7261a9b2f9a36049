"""What both clients have to know of httpx: addresses, time-outs, and which of its errors mean what."""

from typing import Any

import httpx

from taskwire_client.exchange import Answer, Attempt, NoAnswer
from taskwire_client.session import Session

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_WRONG = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)  # of the caller; no repetition mends them


def address(url: str) -> str:
    """The gateway's address without the last slash. ValueError where it is none."""
    parsed = httpx.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"not an address such as https://tasks.example: {url}")
    return url.rstrip("/")


def arguments(url: str, attempt: Attempt, session: Session) -> dict[str, Any]:
    """The arguments for httpx, with the token as it is now."""
    request = attempt.request
    return {
        "method": request.method,
        "url": f"{url}{request.path}" + (f"?{request.query}" if request.query else ""),
        "headers": session.headers(attempt.request),
        "content": request.body,
        "timeout": httpx.Timeout(attempt.timeout_s, connect=min(attempt.timeout_s, session.options.timeout_s)),
    }


def answer_of(response: httpx.Response) -> Answer:
    """The answer, which has been read."""
    return Answer(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
    )


def no_answer(error: httpx.RequestError) -> NoAnswer:
    """What the error says of the request. Raises it where the caller is wrong."""
    if isinstance(error, _WRONG):
        raise error
    reason = str(error) or type(error).__name__
    return NoAnswer(f"no answer from the gateway: {reason}", may_have_arrived=not isinstance(error, _NOT_SENT))
