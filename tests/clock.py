"""A clock that stands until a test moves it."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Tells `now`, in seconds, wherever `time.monotonic` would do."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now
