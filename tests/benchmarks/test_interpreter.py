"""The speed of the interpreter stands beside the figures that it explains."""

from benchmarks.interpreter import loop_ns


def test_a_turn_of_plain_python_takes_tens_of_ns_at_least_and_microseconds_at_most() -> None:
    assert 20 < loop_ns() < 20_000
