"""What a campaign breaks."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_stack.waiting import Probe

from faults.history import Injury
from faults.schedule import Fault, Round


class NotInjected(Exception):
    """The fault cannot be made; the text says why."""


async def why_skipped(made: Awaitable[None], *failures: type[Exception]) -> str | None:
    """Makes a fault, and says why it could not be made where one of these was raised."""
    expected: tuple[type[Exception], ...] = (NotInjected, *failures)
    try:
        await made
    except expected as error:
        return f"{type(error).__name__}: {error}"
    return None


@dataclass(frozen=True)
class World:
    """A running system, the faults that come to it by seed, and how each is done: `injure` gets the number of the round
    too, and returns when the part is back, or where it cannot be made a record that says why.

    The next faults come when it `is_whole` again, or after `whole_within_s`.
    """

    gateway_urls: Sequence[str]
    write_deadline_s: float
    rounds: Callable[[int], Iterator[Round]]
    injure: Callable[[Fault, int], Coroutine[Any, Any, Injury]]
    is_whole: Probe
    whole_within_s: float
    stored_tasks: Callable[[], Awaitable[Mapping[str, Any]]]
