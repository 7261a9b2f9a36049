"""Tracks one task through its client's operations."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from faults.rules import Rule
from faults.states import (
    Answer,
    Effect,
    Possibilities,
    State,
    Value,
    answered,
    at_rest,
    reachable,
    read,
    remembering,
    sent,
    without,
)

type Fit = Callable[[Possibilities], Possibilities]
"""The possibilities that an observation leaves, of those that there were."""

_REMEMBERED = 40  # answered writes that a violation may still be explained with


class TrackedTask:
    """The possibilities of one task, and what is needed to explain an observation that none of them allows."""

    def __init__(self, number: int) -> None:
        self.number = number  # of the write that creates it
        self.id: str | None = None  # unknown as long as the outcome of its creation is
        self.created_at: str | None = None
        self.possibilities: Possibilities = at_rest(None)
        self._last_s: dict[Effect, float] = {}
        self._refused: dict[Effect, None] = {}
        self._expired: dict[Effect, None] = {}
        self._answered: list[tuple[Effect, Possibilities]] = []  # each with what was possible before it
        self._sent: dict[Effect, None] = {}

    @property
    def is_gone(self) -> bool:
        """Whether it is certain that there is no such task, and that none will appear."""
        return self.possibilities == at_rest(None)

    @property
    def place(self) -> tuple[str, str] | None:
        """Where it stands in a list, if that is known."""
        return None if self.id is None or self.created_at is None else (self.created_at, self.id)

    @property
    def is_certain(self) -> bool:
        """Whether it is in one state, and no write of it is pending."""
        return len(self.possibilities) == 1 and not self.pending

    @property
    def pending(self) -> frozenset[Effect]:
        """The writes that may still be done."""
        return frozenset(effect for one in self.possibilities for effect in one.pending)

    def last_writes(self) -> str:
        """The writes that an explanation has to do with, the last one last; refused ones and late ones are marked."""
        marks = {**dict.fromkeys(self._sent, ""), **dict.fromkeys(self._expired, " (expired)")}
        marks |= dict.fromkeys(self._refused, " (refused)")
        ordered = sorted(marks.items(), key=lambda item: item[0].number)[-5:]
        return ", ".join(f"{effect.verb} {effect.number}{mark}" for effect, mark in ordered)

    def refuse(self, now_s: float, effect: Effect) -> None:
        """The write was certainly not done, by this request."""
        self._settle(now_s, effect)
        if effect not in self._sent:
            self._refused[effect] = None

    def send(self, now_s: float, effect: Effect, last_s: float) -> None:
        """The write was sent, and its outcome is not known; it may be done until `last_s`."""
        self._settle(now_s, effect)
        self._count(effect)
        self._last_s[effect] = max(last_s, self._last_s.get(effect, last_s))
        self.possibilities = sent(self.possibilities, effect)

    def answer(self, now_s: float, effect: Effect, answer: Answer) -> Rule | None:
        """The write was done with this answer; the rule that is violated where that cannot be."""
        self._settle(now_s, effect)
        again = effect if effect in self._sent else None
        self._count(effect)
        before = self.possibilities
        rule = self._observe(lambda possibilities: answered(possibilities, effect, answer), again)
        if rule is not None:
            self.possibilities = at_rest(answer if isinstance(answer, Value) else None)
        self._answered = [*self._answered[-_REMEMBERED:], (effect, before)]
        return rule

    def see(self, now_s: float, state: State) -> Rule | None:
        """A read that began at `now_s` found this state; the rule that is violated where it cannot be."""
        self._settle(now_s, None)
        rule = self._observe(lambda possibilities: read(possibilities, state))
        if rule is not None:
            self.possibilities = at_rest(state)
        return rule

    def _count(self, effect: Effect) -> None:
        self._refused.pop(effect, None)  # an earlier request of the same write was refused, not this one
        self._expired.pop(effect, None)
        self._sent[effect] = None

    def _settle(self, now_s: float, effect: Effect | None) -> None:
        """What was pending may have been done meanwhile; what is past its last moment will not be done any more."""
        if self.pending:
            expired = [one for one in self.pending if self._last_s[one] < now_s]
            self.possibilities = without(reachable(self.possibilities), expired)
            self._expired.update(dict.fromkeys(expired))
        self.possibilities = remembering(self.possibilities, effect)

    def _observe(self, fit: Fit, again: Effect | None = None) -> Rule | None:
        left = fit(self.possibilities)
        if left:
            self.possibilities = left
            return None
        return next((rule for rule, possibilities in self._explanations(again) if fit(possibilities)), Rule.IMPOSSIBLE)

    def _explanations(self, again: Effect | None) -> Iterator[tuple[Rule, Possibilities]]:
        """What would be possible if a promise were broken, the strangest breach first. `again` is a write that was sent
        before, and is answered now.
        """
        if again is not None:
            rule = Rule.DOUBLED_TOGGLE if again.verb == "flip" else Rule.DOUBLED
            yield rule, remembering(reachable(self.possibilities), None)  # done before, and run once more
        for effect in self._refused:
            yield Rule.REFUSED, sent(self.possibilities, effect)
        for effect in self._expired:
            yield Rule.LATE, sent(self.possibilities, effect)
        copies = [_copy(effect) for effect in islice(reversed(self._sent), _REMEMBERED)]
        yield from ((Rule.DOUBLED_TOGGLE, sent(self.possibilities, copy)) for copy in copies if copy.verb == "flip")
        yield from ((Rule.LOST, before) for _, before in reversed(self._answered))
        yield from ((Rule.DOUBLED, sent(self.possibilities, copy)) for copy in copies)


def _copy(effect: Effect) -> Effect:
    """The same write as if it were another one."""
    return replace(effect, number=-1 - effect.number)
