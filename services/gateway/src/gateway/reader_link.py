"""The HTTP client of the task-readers: several may share one DNS name, and they may come and go.

Reads are safe to repeat, so an unanswered request is sent again, to another reader if there is one.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from uuid import UUID

from common.contracts import framing
from common.contracts.reads import MIN_REVISION_HEADER, REPLICA_LATE_HEADER
from common.contracts.revised import NotReached, Revised, not_reached, split
from common.observability.health import Component
from common.runtime.time_limits import time_limit
from pydantic import HttpUrl

from gateway.reader_connections import ReaderConnections, UnreadableAnswer
from gateway.reading import Read, encode_reads
from gateway.settings import GatewaySettings

_PAUSES_S = (0.0, 0.02, 0.05, 0.1)  # before each retry; short, so that a read fails fast when all readers are down
_CONNECT_SHARE = 0.3  # of READ_TIMEOUT_S: an unresponsive address leaves time for another
_RENEW_EVERY_S = 5.0  # one connection is renewed, so that new readers get their share of requests
READ_LANES = 6  # each may have READS_MAX_IN_FLIGHT requests; the event streams, which have one, count as a lane
NOBODY = str(UUID(int=0))  # used by the health check

_REPLICA_LATE, _MIN_REVISION = (name.lower().encode() for name in (REPLICA_LATE_HEADER, MIN_REVISION_HEADER))

type Answer = Revised | NotReached | None
"""One task or a list, with its revision; None where there is no such task."""


class ReaderUnavailable(Exception):
    """The task-reader or its database is not available, or does not answer in time."""


class _ReplicaLate(ReaderUnavailable):
    """The reader's database is too far behind; that of another reader may not be."""


class ReaderLink:
    """Asks the readers at one address. Belongs to one event loop."""

    def __init__(self, connections: ReaderConnections, timeout_s: float, *, is_last: bool) -> None:
        self.component = Component(lambda: self.ask([Read(user_id=NOBODY, task_id=NOBODY)]))
        self._connections = connections
        self._timeout_s = timeout_s
        self._is_last = is_last  # there is no other link for what these readers are too late for
        self._clock = asyncio.get_running_loop().time
        self._renewed_at = self._clock()

    async def ask(self, reads: Sequence[Read], traceparent: str | None = None) -> list[Answer]:
        """The answers to a batch of reads, in order. Raises ReaderUnavailable when they do not arrive in time."""
        try:
            packed, is_checked = await self._ask_until_answered(encode_reads(reads), traceparent)
            answers = _unpack(packed, len(reads))
        except ReaderUnavailable:
            self.component.failed()
            raise
        self.component.worked()
        return answers if is_checked else list(map(_proven, reads, answers))

    async def _ask_until_answered(self, body: bytes, traceparent: str | None) -> tuple[bytes, bool]:
        """Retries after a refused connection, one closed before the whole answer, or a replica that is late: five
        attempts at most, since the read itself may crash the readers.
        """
        pauses = iter(_PAUSES_S)
        try:
            with time_limit(self._timeout_s):
                while True:
                    try:
                        return await self._ask_once(body, traceparent)
                    except _ReplicaLate as error:
                        if not self._is_last:
                            raise
                        await _pause(pauses, error)
                    except OSError as error:  # also when a reader does not accept the connection in time
                        await _pause(pauses, error)
        except (OSError, UnreadableAnswer) as error:
            raise ReaderUnavailable(repr(error)) from error

    async def _ask_once(self, body: bytes, traceparent: str | None) -> tuple[bytes, bool]:
        """The answer, and whether the reader has compared revisions."""
        headers = {} if traceparent is None else {"traceparent": traceparent}
        answer = await self._connections.post("/reads", body, headers, is_last=self._is_time_to_renew())
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise ReaderUnavailable("the task-reader answered 401: READER_TOKEN must be the same on both sides")
        if _REPLICA_LATE in answer.headers:
            raise _ReplicaLate("the task-reader's database is too far behind")
        if answer.status != HTTPStatus.OK:
            raise ReaderUnavailable(f"the task-reader answered {answer.status}")
        return answer.body, _MIN_REVISION in answer.headers

    def _is_time_to_renew(self) -> bool:
        now = self._clock()
        if now - self._renewed_at < _RENEW_EVERY_S:
            return False
        self._renewed_at = now
        return True


def _unpack(body: bytes, count: int) -> list[Answer]:
    try:
        answers = [None if one is None else not_reached(one) or split(one) for one in framing.unpack(body)]
    except ValueError as error:
        raise ReaderUnavailable(f"the task-reader's answer cannot be read: {error}") from error
    if len(answers) != count:
        raise ReaderUnavailable("the task-reader answered a different number of reads")
    return answers


def _proven(read: Read, answer: Answer) -> Answer:
    """The answer of a reader that may not know of `min_revision`, as the release before: only a list's own revision
    proves that it is not too old."""
    wanted = read.get("min_revision")
    if wanted is None:
        return answer
    if not isinstance(answer, Revised) or answer.revision is None or read["task_id"] is not None:
        return NotReached.BEHIND
    return answer if answer.revision >= wanted else NotReached.BEHIND


async def _pause(pauses: Iterator[float], error: Exception) -> None:
    """Waits before the next attempt; raises the error after the last one."""
    pause_s = next(pauses, None)
    if pause_s is None:
        raise error
    await asyncio.sleep(pause_s)


def credentials(settings: GatewaySettings) -> dict[str, str]:
    """The header by which a task-reader authenticates this gateway, if there is one."""
    secret = settings.reader_token
    return {} if secret is None else {"Authorization": f"Bearer {secret.get_secret_value()}"}


@asynccontextmanager
async def open_reader_link(url: HttpUrl, settings: GatewaySettings) -> AsyncIterator[ReaderLink]:
    """The link to the readers at `url`, usable immediately. It opens connections on demand, one per batch in flight."""
    connections = ReaderConnections(url, _CONNECT_SHARE * settings.read_timeout_s, credentials(settings))
    try:
        is_last = settings.reader_primary_url in {None, url}
        yield ReaderLink(connections, settings.read_timeout_s, is_last=is_last)
    finally:
        connections.close()
