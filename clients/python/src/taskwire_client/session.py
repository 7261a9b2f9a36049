"""What both clients know of their user, and the calls that take more than one request. Without any I/O."""

import dataclasses
import re
from collections.abc import Callable
from threading import Lock
from uuid import UUID

from taskwire_client import operations
from taskwire_client.exchange import Answer, Call, Options, Request, Steps, perform
from taskwire_client.problems import ChangesGone, RevisionUnreached
from taskwire_client.snapshots import Snapshot
from taskwire_client.tasks import Id

_NUMBER = re.compile(r'(\d+)"?$')

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1

type Token = str | Callable[[], str]


def checked_token(text: str) -> str:
    """The bearer token. ValueError, which does not show it, where it cannot be one."""
    if _TOKEN.fullmatch(text) is None:
        raise ValueError("not a bearer token: it is empty, or has spaces, line ends or other characters that none has")
    return text


class Session:
    """A user, and the newest revision that was seen of it. May be shared by threads."""

    def __init__(self, user_id: Id, token: Token | None, options: Options) -> None:
        self.user_id = user_id if isinstance(user_id, UUID) else UUID(user_id)
        self.options = options
        self._token = checked_token(token) if isinstance(token, str) else token
        self._revision = 0
        self._lock = Lock()

    def headers(self, request: Request) -> dict[str, str]:
        """The headers of a request, with the token as it is now. ValueError where that cannot be one."""
        if self._token is None:
            return dict(request.headers)
        token = self._token if isinstance(self._token, str) else checked_token(self._token())
        return {**request.headers, "authorization": f"Bearer {token}"}

    def perform[T](self, call: Call[T]) -> Steps[T]:
        """The steps of a call; with `reads_own_writes`, a read names the newest revision seen."""
        revision = self._revision
        if call.key is not None or not self.options.reads_own_writes or not revision:
            return (yield from perform(call, self.options, self._saw))
        request = call.request
        named = dataclasses.replace(request, headers={**request.headers, "min-revision": str(revision)})
        try:
            return (yield from perform(dataclasses.replace(call, request=named), self.options, self._saw))
        except RevisionUnreached:  # it was lost with a server: what the server has is all there is
            self._forget(revision)
            return (yield from perform(call, self.options, self._saw))

    def sync(self, snapshot: Snapshot | None) -> Steps[Snapshot]:
        """The steps to a snapshot as the tasks are now. ValueError where the snapshot is another user's."""
        self.check(snapshot)
        if snapshot is not None:
            try:
                changes = yield from self.perform(operations.changes(self.user_id, snapshot.revision))
            except ChangesGone:
                pass
            else:
                return snapshot.applied(changes)
        changes = yield from self.perform(operations.changes(self.user_id, None))
        return Snapshot(self.user_id).applied(changes)

    def check(self, snapshot: Snapshot | None) -> None:
        """ValueError where the snapshot is another user's."""
        if snapshot is not None and snapshot.user_id != self.user_id:
            raise ValueError("the snapshot is of another user")

    def _saw(self, answer: Answer) -> None:
        """Keeps the newest revision: `Revision`, or the number in an entity tag (docs/read-your-writes.md)."""
        found = _NUMBER.search(answer.headers.get("revision") or answer.headers.get("etag") or "")
        with self._lock:
            self._revision = max(self._revision, int(found[1]) if found else 0)

    def _forget(self, revision: int) -> None:
        with self._lock:
            if self._revision == revision:
                self._revision = 0
