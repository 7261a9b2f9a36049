"""Gives each of many things its turn once in a while, a few at a time."""

import random
from collections.abc import Hashable


class Turns[Item: Hashable]:
    """A wheel of `count` turns; each item has one of them, drawn at random, so that turns have about equally many."""

    def __init__(self, count: int) -> None:
        self._turns: list[dict[Item, None]] = [{} for _ in range(count)]
        self._turn_of: dict[Item, int] = {}
        self._next = 0

    def add(self, item: Item) -> None:
        """It has its first turn within the next round."""
        turn = random.randrange(len(self._turns))  # noqa: S311 - spreads load, no secret
        self._turns[turn][item] = None
        self._turn_of[item] = turn

    def discard(self, item: Item) -> None:
        """It has no turns any more."""
        turn = self._turn_of.pop(item, None)
        if turn is not None:
            del self._turns[turn][item]

    def take(self) -> list[Item]:
        """Those whose turn is next."""
        turn, self._next = self._next, (self._next + 1) % len(self._turns)
        return [*self._turns[turn]]
