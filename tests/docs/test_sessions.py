"""Sessions are compared without what comes by chance."""

from .sessions import Step, numbered, without_heartbeats

EVENTS = "retry: 3127\n\n{}event: changes\nid: 1795654376701134\ndata: {{}}\n\n{}"


def test_heartbeats_are_left_out_wherever_they_come() -> None:
    quiet, alive = (Step("cat one", EVENTS.format(text, text * 2)) for text in ("", ":\n\n"))

    assert without_heartbeats([alive]) == [quiet]


def test_what_only_looks_like_a_heartbeat_stays() -> None:
    steps = [Step("cat one", 'data: {"title": ":"}\n\n: said the server\n\n')]

    assert without_heartbeats(steps) == steps


def test_two_runs_are_the_same_when_equal_things_stand_in_equal_places() -> None:
    first = [Step("ls", "1795654376701134 1795654376760012 1795654376701134")]
    second = [Step("ls", "1795654376701999 1795654376760999 1795654376701999")]
    mixed = [Step("ls", "1795654376701999 1795654376760999 1795654376760999")]

    assert numbered(first) == numbered(second) != numbered(mixed)
