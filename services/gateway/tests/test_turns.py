"""Each item has its turn once a round, a few at a time."""

from gateway.turns import Turns

ROUND = 8


def taken(turns: Turns[int]) -> list[list[int]]:
    """One round."""
    return [turns.take() for _ in range(ROUND)]


def test_each_has_one_turn_a_round_always_the_same() -> None:
    turns = Turns[int](ROUND)
    for item in range(100):
        turns.add(item)

    first, second = taken(turns), taken(turns)

    assert first == second
    assert sorted(item for turn in first for item in turn) == list(range(100))


def test_turns_have_about_equally_many() -> None:
    turns = Turns[int](ROUND)
    for item in range(8_000):
        turns.add(item)

    assert all(800 < len(turn) < 1_200 for turn in taken(turns))


def test_what_is_discarded_has_no_turn_and_what_was_never_added_may_be() -> None:
    turns = Turns[int](ROUND)
    for item in range(10):
        turns.add(item)
    for item in range(5, 15):
        turns.discard(item)

    assert sorted(item for turn in taken(turns) for item in turn) == list(range(5))
