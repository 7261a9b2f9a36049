"""The states in which one task may be, given what its client has seen.

A possibility is a state together with the writes that are still pending, and the answers of those that have been done.
A set of them never grows far: a client leaves a task alone while many of its writes are pending.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from faults.history import Request, Verb


@dataclass(frozen=True, slots=True)
class Value:
    """The fields of a task that a client sets."""

    title: str
    description: str | None
    is_completed: bool

    @classmethod
    def of(cls, task: Any) -> "Value":
        return cls(task["title"], task["description"], task["is_completed"])


type State = Value | None
"""None: the user has no such task."""

type Answer = Value | Literal["deleted", "changed"] | None
"""What the client is answered: the task, that it was deleted or is another than expected, or that there is none."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one write does, however often it was sent. Two are equal when they are the same write.

    `expects` is what the entity tag in its If-Match stood for, if it has one. A task that has this value again may have
    another tag."""

    number: int  # unique for a client
    verb: Verb
    title: str | None
    description: str | None
    is_completed: bool | None
    changed: tuple[str, ...] = ()
    expects: Value | None = None

    @classmethod
    def of(cls, number: int, request: Request, expects: Value | None = None) -> "Effect":
        return cls(
            number,
            request.verb,
            request.title,
            request.description,
            request.is_completed,
            changed=request.changed,
            expects=expects,
        )

    def apply(self, state: State) -> tuple[State, Answer]:
        """The state afterwards, and the answer."""
        match self.verb:
            case "create":
                value = Value(self.title or "", self.description, bool(self.is_completed))
                return value, value
            case _ if state is None:
                return None, None
            case _ if self.expects is not None and self.expects != state:
                return state, "changed"
            case "patch":
                value = replace(state, **{name: getattr(self, name) for name in self.changed})
            case "replace":
                value = Value(self.title or "", self.description, bool(self.is_completed))
            case "flip":
                value = Value(state.title, state.description, not state.is_completed)
            case "set":
                value = Value(state.title, state.description, bool(self.is_completed))
            case "delete":
                return None, "deleted"
            case _:
                raise ValueError(f"{self.verb} is no write")
        return value, value


@dataclass(frozen=True, slots=True)
class Possibility:
    """One possible past."""

    state: State
    pending: frozenset[Effect] = frozenset()
    answers: frozenset[tuple[Effect, Answer]] = frozenset()  # of pending writes that were done; a retry gets the same

    def done(self, effect: Effect) -> "Possibility":
        """The same after this effect."""
        state, answer = effect.apply(self.state)
        return Possibility(state, self.pending - {effect}, self.answers | {(effect, answer)})


type Possibilities = frozenset[Possibility]


def at_rest(state: State) -> Possibilities:
    """A state that is certain."""
    return frozenset({Possibility(state)})


def reachable(possibilities: Possibilities) -> Possibilities:
    """With any of the pending writes done by now, in any order."""
    found = set(possibilities)
    todo = list(possibilities)
    while todo:
        possibility = todo.pop()
        for effect in possibility.pending:
            after = possibility.done(effect)
            if after not in found:
                found.add(after)
                todo.append(after)
    return frozenset(found)


def without(possibilities: Possibilities, expired: Iterable[Effect]) -> Possibilities:
    """These writes will not be done any more where they have not been."""
    gone = frozenset(expired)
    return frozenset(Possibility(one.state, one.pending - gone, one.answers) for one in possibilities)


def remembering(possibilities: Possibilities, effect: Effect | None) -> Possibilities:
    """Without the answers of other writes than this one: their client will not ask again."""
    return frozenset(
        Possibility(one.state, one.pending, frozenset(known for known in one.answers if known[0] == effect))
        for one in possibilities
    )


def sent(possibilities: Possibilities, effect: Effect) -> Possibilities:
    """After a write whose outcome is not known."""
    return frozenset(
        one
        if any(known == effect for known, _ in one.answers)
        else Possibility(one.state, one.pending | {effect}, one.answers)
        for one in possibilities
    )


def answered(possibilities: Possibilities, effect: Effect, answer: Answer) -> Possibilities:
    """Those in which the write, done now or pending before, was answered like this; the write is done in all."""
    found = set()
    for one in reachable(possibilities):
        if any(known == effect for known, _ in one.answers):
            after = one
        elif answer == "changed" and effect.expects is not None and one.state is not None:
            after = Possibility(one.state, one.pending - {effect}, one.answers | {(effect, answer)})
        else:
            after = one.done(effect)
        if (effect, answer) in after.answers:
            found.add(after)
    return frozenset(found)


def read(possibilities: Possibilities, state: State) -> Possibilities:
    """Those in which a read finds this state."""
    return frozenset(one for one in reachable(possibilities) if one.state == state)
