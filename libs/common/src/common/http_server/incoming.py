"""The body of a request on its way from the connection to the app."""

import asyncio
from typing import Protocol

from common.http.problems import Problem
from common.http_server.body import Body
from common.http_server.limits import DISCARDED_BYTES


class Receiver(Protocol):
    """Whom the app's wait for a body concerns."""

    loop: asyncio.AbstractEventLoop

    def await_body(self) -> None:
        """The app waits for the body."""
        ...

    def body_arrived(self) -> None:
        """The app gets the end of the body. Raises a 503 problem when there are too many requests by now."""
        ...


class Incoming:
    """What the app receives. `failure` is what is wrong with the body; nothing more of it is taken then."""

    def __init__(self, receiver: Receiver, body: Body | None) -> None:
        self.held = bytearray()
        self.failure: Problem | None = None
        self.is_complete = body is None  # the whole body has come by
        self.is_over = False  # nobody waits any more: it is answered, or the client sends no more
        self._receiver = receiver
        self._body = body
        self._discarded_bytes = 0
        self._is_handed_over = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a part of the body was taken."""
        return bool(self.held) or self._is_handed_over

    @property
    def is_too_much(self) -> bool:
        """Whether so much is left of a body that nobody wants that to read it would not pay."""
        rest = self._body.rest_bytes if self._body is not None else None
        return max(rest or 0, self._discarded_bytes) > DISCARDED_BYTES

    def take(self, received: bytearray, *, is_wanted: bool) -> None:
        """Removes from the front of `received` what belongs to the body."""
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
        """The rest of the body cannot be had: the app gets this instead."""
        self.failure = self.failure or problem
        self.wake()

    def end(self) -> None:
        """The app has nothing more to wait for."""
        self.is_over = True
        self.wake()

    async def receive(self) -> tuple[bytes, bool] | None:
        """The next part, and whether more follow; None at the end. Raises a problem when the rest cannot be had."""
        while not (self.is_over or self.failure or self._has_news):
            if not self._is_handed_over:
                self._receiver.await_body()
            await self._wait()
        if self.is_over:
            return None
        if self.failure is not None:
            raise self.failure
        part, self.held = bytes(self.held), bytearray()
        if self.is_complete:
            self._is_handed_over = True
            if self._body is not None:
                self._receiver.body_arrived()
        return part, not self._is_handed_over

    def wake(self) -> None:
        """Has the app look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def _has_news(self) -> bool:
        return not self._is_handed_over and (bool(self.held) or self.is_complete)

    async def _wait(self) -> None:
        self._waiter = self._receiver.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
