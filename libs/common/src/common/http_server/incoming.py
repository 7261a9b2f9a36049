"""Passes a request's body from the connection to the app."""

import asyncio
from typing import Protocol

from common.http.problems import Problem
from common.http_server.body_decoding import Body
from common.http_server.limits import DISCARDED_BYTES


class Receiver(Protocol):
    """What the app's wait for a body reports to."""

    loop: asyncio.AbstractEventLoop

    def await_body(self) -> None:
        """The app waits for the body."""
        ...

    def body_arrived(self) -> None:
        """The app receives the end of the body. Raises a 503 problem when there are too many requests by now."""
        ...


class Incoming:
    """Buffers the body for the app. Once `failure` is set, no more of the body is taken."""

    def __init__(self, receiver: Receiver, body: Body | None) -> None:
        self.held = bytearray()
        self.failure: Problem | None = None
        self.is_complete = body is None  # the whole body has arrived
        self.is_over = False  # the request is answered, or the client sends no more
        self._receiver = receiver
        self._body = body
        self._discarded_bytes = 0
        self._is_delivered = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether part of the body has arrived."""
        return bool(self.held) or self._is_delivered

    @property
    def has_unknown_rest(self) -> bool:
        """Whether only its end will say how long the body is."""
        return self._body is not None and self._body.remaining_bytes is None

    @property
    def exceeds_discard_limit(self) -> bool:
        """Whether the rest of an unwanted body is too large to read and discard."""
        rest = self._body.remaining_bytes if self._body is not None else None
        return max(rest or 0, self._discarded_bytes) > DISCARDED_BYTES

    def take(self, received: bytearray, *, is_wanted: bool) -> None:
        """Removes the body's bytes from the front of `received`."""
        if self._body is None or self.is_complete or self.failure is not None:
            return
        try:
            part = self._body.take(received)
            self.is_complete = self._body.is_complete
        except Problem as problem:
            self.fail(problem)
            return
        if is_wanted:
            self.held += part
            self.wake()
        else:
            self._discarded_bytes += len(part)

    def fail(self, problem: Problem) -> None:
        """The rest of the body is not available: the app's receive raises this problem."""
        self.failure = self.failure or problem
        self.wake()

    def end(self) -> None:
        """No more of the body will come."""
        self.is_over = True
        self.wake()

    async def receive(self) -> tuple[bytes, bool] | None:
        """The next part, and whether more follow; None at the end. Raises a problem when the rest is not available."""
        while not (self.is_over or self.failure or self._has_data):
            if not self._is_delivered:
                self._receiver.await_body()
            await self._wait()
        if self.is_over:
            return None
        if self.failure is not None:
            raise self.failure
        part, self.held = bytes(self.held), bytearray()
        if self.is_complete:
            self._is_delivered = True
            if self._body is not None:
                self._receiver.body_arrived()
        return part, not self._is_delivered

    def wake(self) -> None:
        """Wakes the app's receive."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def _has_data(self) -> bool:
        return not self._is_delivered and (bool(self.held) or self.is_complete)

    async def _wait(self) -> None:
        self._waiter = self._receiver.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
