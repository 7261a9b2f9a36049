"""A request until it has its answer: what is sent, what is sent again and when, and what is raised. Without any I/O.

`perform` is a generator. It yields each attempt, is sent what came of it, and returns what the call reads from the
answer. The clients, sync and async, are the loops that carry the attempts out; all decisions are made here.
"""

import json
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from taskwire_client.problems import NoAnswerError, TaskwireError, UnexpectedAnswerError, problem_of

RETRIED = frozenset({408, 429, 502, 503, 504})
_UNKNOWN = frozenset({500, 502, 504})  # a write may have been done; 502 is of a proxy that has lost the gateway
_RECORDED = frozenset({404, 412})  # the outcome of all attempts under this key
_SHORTEST_S = 0.001
_SUCCESSES, _ERRORS = range(200, 300), range(400, 600)


@dataclass(frozen=True, slots=True)
class Retries:
    """How long a call is repeated: for `total_s` from its beginning, 0 for never.

    The pause before the nth repetition is drawn from 0 to `first_pause_s` times 2 to the nth, `longest_pause_s` at
    most, in addition to what a Retry-After asks for. Random pauses keep clients apart that failed together.
    """

    total_s: float = 30.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0

    def pause_s(self, repetition: int) -> float:
        """A random pause before this repetition, which counts from 0."""
        most_s = min(self.longest_pause_s, self.first_pause_s * 2.0 ** min(repetition, 30))
        return random.uniform(0, most_s)  # noqa: S311 - to spread load, not to be secret


@dataclass(frozen=True, slots=True)
class Request:
    """A request below the address of a gateway."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in full; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return self.status in _SUCCESSES

    @property
    def retry_after_s(self) -> float | None:
        """What Retry-After says, in seconds from now: a number or a date (RFC 9110, 10.2.3)."""
        return _seconds_until(self.headers.get("retry-after"))

    def json(self) -> Any:
        """The body. ValueError when it is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer came. `may_have_arrived` is False when no connection was made."""

    reason: str
    may_have_arrived: bool


type Outcome = Answer | NoAnswer


@dataclass(frozen=True, slots=True)
class Attempt:
    """Wait `after_s`, then send the request, and give up when the server is silent for `timeout_s`."""

    request: Request
    after_s: float
    timeout_s: float


type Steps[T] = Generator[Attempt, Outcome, T]


def _always(_: Answer) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Call[T]:
    """A request and how to read its success. `key` is its Idempotency-Key, and None for a read.

    `is_settled` says of a success whether it is complete; a batch is not while the outcome of an operation is unknown.
    """

    request: Request
    read: Callable[[Answer], T]
    key: str | None = None
    is_settled: Callable[[Answer], bool] = _always
    also_read: frozenset[int] = frozenset()  # statuses besides 2xx that `read` can read


@dataclass(frozen=True, slots=True)
class Options:
    """How a client behaves.

    An attempt fails when the server is silent for `timeout_s`, an event stream when it is for `stream_silence_s`, three
    of its heartbeats. With `reads_own_writes` no read shows less than the client has written or read before, from
    whichever replica it comes (Min-Revision).
    """

    timeout_s: float = 10.0
    stream_silence_s: float = 45.0
    retries: Retries = Retries()
    reads_own_writes: bool = False


DEFAULTS = Options()


def perform[T](
    call: Call[T], options: Options, saw: Callable[[Answer], None], clock: Callable[[], float] = time.monotonic
) -> Steps[T]:
    """The steps of a call. `saw` is told each answer that is read; tests bring a clock of their own.

    Raises the problem of an answer that no repetition can mend, or of the last one when no time is left: NoAnswerError
    when there was none. A write is repeated under its key alone, so that it takes effect once.
    """
    ends_s = clock() + options.retries.total_s
    after_s, repetition, may_be_done = 0.0, 0, False
    while True:
        left_s = ends_s - clock() - after_s if repetition else options.timeout_s
        outcome = yield Attempt(call.request, after_s, max(min(options.timeout_s, left_s), _SHORTEST_S))
        wait_s = _wait_s(call, outcome, options.retries, repetition)
        if wait_s is None or clock() + wait_s >= ends_s:
            return _result(call, outcome, saw, may_be_done=may_be_done)
        may_be_done = may_be_done or _is_unknown(outcome)
        after_s, repetition = wait_s, repetition + 1


def _wait_s[T](call: Call[T], outcome: Outcome, retries: Retries, repetition: int) -> float | None:
    """How long to wait before the call is sent again; None when this is its outcome."""
    if isinstance(outcome, NoAnswer):
        return retries.pause_s(repetition)
    is_unsettled = outcome.is_success and not call.is_settled(outcome)
    if outcome.status not in RETRIED and not is_unsettled:
        return None
    return (outcome.retry_after_s or 0.0) + retries.pause_s(repetition)


def _is_unknown(outcome: Outcome) -> bool:
    """Whether something may have been done. A success that does not end its call is a batch that is done in part."""
    if isinstance(outcome, NoAnswer):
        return outcome.may_have_arrived
    return outcome.is_success or outcome.status in _UNKNOWN


def _result[T](call: Call[T], outcome: Outcome, saw: Callable[[Answer], None], *, may_be_done: bool) -> T:
    """What the answer says, or its problem raised; `may_be_done` by an attempt before it."""
    if isinstance(outcome, Answer) and (outcome.is_success or outcome.status in call.also_read):
        saw(outcome)
        try:
            return call.read(outcome)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            fault = UnexpectedAnswerError(f"{call.request.method} {call.request.path}: not an answer of this API")
            raise _marked(fault, call, may_be_done=True) from error
    is_recorded = isinstance(outcome, Answer) and outcome.status in _RECORDED
    may_be_done = (may_be_done or _is_unknown(outcome)) and not is_recorded
    raise _marked(error_of(outcome), call, may_be_done=may_be_done)


def _marked[T](error: TaskwireError, call: Call[T], *, may_be_done: bool) -> TaskwireError:
    if call.key is not None:
        error.key, error.may_be_done = call.key, may_be_done
    return error


def error_of(outcome: Outcome) -> TaskwireError:
    """The exception for an outcome that is no success."""
    if isinstance(outcome, NoAnswer):
        return NoAnswerError(outcome.reason)
    if outcome.status not in _ERRORS:
        return UnexpectedAnswerError(f"HTTP status {outcome.status}: not an answer of this API")
    try:
        members = outcome.json()
    except ValueError:
        members = None
    known = members if isinstance(members, dict) else {}
    etag = outcome.headers.get("etag")
    return problem_of(outcome.status, known, retry_after_s=outcome.retry_after_s, etag=etag)


def _seconds_until(text: str | None) -> float | None:
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
