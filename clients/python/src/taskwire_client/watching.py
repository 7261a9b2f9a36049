"""Following an event stream over breaks: when to connect, from which revision on, and what an event makes of the copy.

Without any I/O: the clients open the connections, and tell here what comes of each.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from taskwire_client import operations
from taskwire_client.event_stream import Event, EventParser
from taskwire_client.exchange import RETRIED, Answer, Attempt, NoAnswer, Options, Outcome, error_of
from taskwire_client.problems import UnexpectedAnswerError
from taskwire_client.snapshots import Snapshot
from taskwire_client.tasks import Changes

_RETRY_S = 3.0  # where the server has not said when to come again
_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class Update:
    """The copy after some changes. With `is_reset` these are all tasks, and replace what was there before."""

    snapshot: Snapshot
    changes: Changes
    is_reset: bool


class Watch:
    """The state of one watch.

    Until the first event the options limit how long it is tried, so that a wrong address is reported. After that it
    comes again for as long as it takes, at the pace that the server asks for.
    """

    def __init__(
        self,
        user_id: UUID,
        snapshot: Snapshot | None,
        options: Options,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._user_id = user_id
        self._snapshot = snapshot
        self._options = options
        self._clock = clock
        self._gives_up_s: float | None = clock() + options.retries.total_s
        self._after_s = 0.0
        self._failures = 0
        self._parser = EventParser()
        self._retry_s = _RETRY_S
        self.is_to_restart = False

    def next_attempt(self) -> Attempt:
        """The next connection to open, and when."""
        self._parser, self.is_to_restart = EventParser(), False
        since = None if self._snapshot is None else self._snapshot.revision
        request = operations.events(self._user_id, since)
        return Attempt(request, self._after_s, self._options.stream_silence_s)

    def received(self, chunk: bytes) -> Iterator[Update]:
        """The updates that the bytes complete. Ask `is_to_restart` after them."""
        for event in self._parser.feed(chunk):
            self._gives_up_s, self._failures = None, 0
            if (
                event.name == "reset"
            ):  # the changes since cannot be told: a stream without a revision begins with all tasks
                self._snapshot, self.is_to_restart = None, True
                return
            if event.name == "changes" and (update := self._update(event)) is not None:
                yield update

    def ended(self, outcome: Outcome | None) -> None:
        """The connection is over: with this outcome, or None when the server has ended the stream in order.

        Raises the problem where it is none that passes, or when the first event has not come in time.
        """
        if isinstance(outcome, Answer) and outcome.status not in RETRIED:
            raise error_of(outcome)
        asked_s = (outcome.retry_after_s or 0.0) if isinstance(outcome, Answer) else 0.0
        if self.is_to_restart:
            self._after_s = 0.0
            return
        self._retry_s = self._parser.retry_s or self._retry_s
        known_s = 0.0 if self._gives_up_s is not None else self._retry_s
        pause_s = self._options.retries.pause_s(self._failures)
        self._after_s = max(asked_s, min(known_s * 2.0 ** min(self._failures, 10), _LONGEST_PAUSE_S)) + pause_s
        self._failures += 1
        if self._gives_up_s is not None and self._clock() + self._after_s >= self._gives_up_s:
            raise error_of(outcome or NoAnswer("the event stream ended before its first event", may_have_arrived=True))

    def _update(self, event: Event) -> Update | None:
        try:
            members: Mapping[str, Any] = json.loads(event.data)
            changes = Changes.from_json(members)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnexpectedAnswerError("an event that is not one of this API") from error
        if self._snapshot is not None and changes.revision <= self._snapshot.revision:
            return None  # told before
        is_reset = self._snapshot is None
        self._snapshot = (self._snapshot or Snapshot(self._user_id)).applied(changes)
        return Update(self._snapshot, changes, is_reset)
