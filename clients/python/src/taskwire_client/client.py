"""The synchronous client."""

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self, Unpack

import httpx

from taskwire_client import operations, sending
from taskwire_client.exchange import DEFAULTS, Attempt, Call, Options, Outcome, Steps
from taskwire_client.operations import Operation, Target
from taskwire_client.session import Session, Token
from taskwire_client.snapshots import Snapshot
from taskwire_client.tasks import BatchResult, Details, Fields, Filters, Id, Page, Task
from taskwire_client.watching import Update, Watch


class Client:
    """The tasks of one user, at the gateway at `url`. Threads may share it.

    Every call repeats itself as its options allow and raises a TaskwireError after that. Each write has an
    Idempotency-Key, `key` or one of its own, so that it takes effect once however often it is sent. `token` is a bearer
    token, or a function that returns the present one. `http` is an httpx client of your own, with your proxies or
    certificates, which you close.
    """

    def __init__(
        self,
        url: str,
        user_id: Id,
        *,
        token: Token | None = None,
        options: Options = DEFAULTS,
        http: httpx.Client | None = None,
    ) -> None:
        self._url = sending.address(url)
        self._session = Session(user_id, token, options)
        self._closes = http is None
        self._http = httpx.Client() if http is None else http

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        if self._closes:
            self._http.close()

    def create(self, title: str, *, key: str | None = None, **details: Unpack[Details]) -> Task:
        """Creates a task, and returns it."""
        return self._do(operations.create(self._session.user_id, {"title": title, **details}, key))

    def get(self, task_id: Id) -> Task:
        """The task. TaskNotFound where the user has none with this id."""
        return self._do(operations.get(self._target(task_id)))

    def refresh(self, task: Task) -> Task:
        """The task as it is now; the same object, at the cost of a look-up, where it has not changed."""
        return self._do(operations.get(self._target(task.id), task))

    def replace(
        self,
        task_id: Id,
        title: str,
        *,
        if_unchanged: Task | None = None,
        key: str | None = None,
        **details: Unpack[Details],
    ) -> Task:
        """Replaces a task; details that are left out get their defaults. `if_unchanged`: as for `patch`."""
        target = self._target(task_id, if_unchanged)
        return self._do(operations.replace(target, {"title": title, **details}, key))

    def patch(
        self, task_id: Id, *, if_unchanged: Task | None = None, key: str | None = None, **fields: Unpack[Fields]
    ) -> Task:
        """Changes some fields of a task. With `if_unchanged` only of the task as it was seen then, else
        PreconditionFailed."""
        return self._do(operations.patch(self._target(task_id, if_unchanged), fields, key))

    def complete(
        self,
        task_id: Id,
        *,
        is_completed: bool | None = True,
        if_unchanged: Task | None = None,
        key: str | None = None,
    ) -> Task:
        """Sets the completion of a task; None flips it."""
        return self._do(operations.complete(self._target(task_id, if_unchanged), is_completed, key))

    def delete(self, task_id: Id, *, if_unchanged: Task | None = None, key: str | None = None) -> None:
        """Deletes a task. TaskNotFound where it is not there."""
        self._do(operations.delete(self._target(task_id, if_unchanged), key))

    def batch(self, batch: Iterable[Operation], *, key: str | None = None) -> Sequence[BatchResult]:
        """Carries out up to 1,000 operations in one request: a result for each, in their order.

        `in_batches` cuts more into several.
        """
        return self._do(operations.batch(self._session.user_id, tuple(batch), key))

    def pages(self, *, page_size: int = operations.PAGE_SIZE, **filters: Unpack[Filters]) -> Iterator[Page]:
        """The pages of a list, each read when it is asked for."""
        query: str | None = operations.first_page(page_size, filters)
        while query is not None:
            page = self._do(operations.page(self._session.user_id, query))
            yield page
            query = page.next

    def tasks(self, *, page_size: int = operations.PAGE_SIZE, **filters: Unpack[Filters]) -> Iterator[Task]:
        """The tasks of a list, page by page. None comes twice, and none is skipped, whatever is changed meanwhile."""
        for page in self.pages(page_size=page_size, **filters):
            yield from page.tasks

    def sync(self, snapshot: Snapshot | None = None) -> Snapshot:
        """A copy of all tasks as they are now: from a former copy at the cost of what has changed."""
        return self._run(self._session.sync(snapshot))

    def watch(self, snapshot: Snapshot | None = None) -> Generator[Update]:
        """Every change as it happens, without end; first what has changed since the snapshot, or all tasks.

        After a break it goes on where it was.
        """
        self._session.check(snapshot)
        watch = Watch(self._session.user_id, snapshot, self._session.options)
        while True:
            attempt = watch.next_attempt()
            time.sleep(attempt.after_s)
            outcome: Outcome | None = None
            try:
                with self._http.stream(**sending.arguments(self._url, attempt, self._session)) as response:
                    if response.status_code == httpx.codes.OK:
                        for chunk in response.iter_bytes():
                            yield from watch.received(chunk)
                            if watch.is_to_restart:
                                break
                    else:
                        response.read()
                        outcome = sending.answer_of(response)
            except httpx.RequestError as error:
                outcome = sending.no_answer(error)
            watch.ended(outcome)

    def _target(self, task_id: Id, if_unchanged: Task | None = None) -> Target:
        return Target.of(self._session.user_id, task_id, if_unchanged)

    def _do[T](self, call: Call[T]) -> T:
        return self._run(self._session.perform(call))

    def _run[T](self, steps: Steps[T]) -> T:
        """Carries out the steps, and returns what they come to."""
        try:
            attempt = next(steps)
            while True:
                attempt = steps.send(self._send(attempt))
        except StopIteration as done:
            result: T = done.value
            return result

    def _send(self, attempt: Attempt) -> Outcome:
        time.sleep(attempt.after_s)
        try:
            response = self._http.request(**sending.arguments(self._url, attempt, self._session))
        except httpx.RequestError as error:
            return sending.no_answer(error)
        return sending.answer_of(response)
