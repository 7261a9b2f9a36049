"""The checker follows event streams: each breach of what docs/events.md promises is planted, and found."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faults.checker import check
from faults.history import History, read_history, write_history
from faults.report import streams, table
from faults.rules import Rule
from faults.stream_events import StreamEvent

from .simulated import Client, history


class Stream:
    """The stream of a simulated client's user, which tells what it is told to."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.events: list[StreamEvent] = []
        self.told = 0  # the revision

    def tell(self, kind: Any, since: int | None = None, data: Any = None) -> None:
        self.events.append(StreamEvent(self.client.number, self.client.now_s, kind, 0, since, data))

    def opened(self, since: int | None = None) -> None:
        """The stream begins with all tasks, or with what has changed."""
        self.tell("opened", since)
        if since is None or self.client.revision > since:
            self.changes(since or 0)

    def changes(self, since: int | None = None) -> None:
        self.tell("changes", data=self.client._changes(self.told if since is None else since))
        self.told = self.client.revision

    def reset(self) -> None:
        """The client asks for what nobody knows, and reads all tasks."""
        self.tell("opened", 17)
        self.tell("reset", data={"revision": self.client.revision})
        self.tell("read", data=self.client._changes(0))
        self.told = self.client.revision


def streamed(stream: Stream) -> History:
    found = history(stream.client)
    found.streamed.extend(stream.events)
    tasks = next(final.tasks for final in found.final if final.source == "postgresql")
    found.final.append(replace(found.final[0], source="api", tasks=tasks))
    return found


def rules(stream: Stream) -> list[Rule]:
    return [violation.rule for violation in check(streamed(stream))]


@pytest.fixture
def stream() -> Stream:
    """One that has told of two tasks."""
    found = Stream(Client(0))
    found.opened()
    for title in ("create 0", "create 1"):
        found.client.create(title)
        found.changes()
    return found


def test_a_stream_that_tells_every_change_once_is_right(stream: Stream) -> None:
    stream.client.task("flip")
    stream.client.create("create 3")
    stream.changes()  # both at once
    stream.client.task("delete", place=1)
    stream.opened(stream.told)
    stream.client.task("flip")
    before = stream.client._changes(stream.told)
    stream.reset()
    stream.tell("changes", data=before)  # told before all tasks were read, and heard after that
    stream.tell("refused", data=503)
    stream.client.task("flip")
    stream.opened(stream.told)

    found = streamed(stream)

    assert check(found) == []
    assert streams(found, []) == {
        "opened": 4,
        "resumed": 3,
        "refused": 1,
        "events": 7,
        "resets": 1,
        "differences": 0,
    }


@pytest.mark.parametrize("seed", range(20))
def test_streams_of_wandering_clients_are_right(seed: int) -> None:
    choice = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    stream = Stream(Client(0))
    stream.opened()
    for number in range(60):
        if len(stream.client.rows) < 3:
            stream.client.create(f"create {number}")
        else:
            place = stream.client.known.index(choice.choice(list(stream.client.rows)))
            stream.client.task(choice.choice(("flip", "delete", "get")), place=place)
        tells: list[Callable[[], None]] = [stream.changes, lambda: stream.opened(stream.told), stream.reset]
        if choice.random() < 0.5 and stream.client.revision > stream.told:
            choice.choice(tells)()
    stream.opened(stream.told)

    assert check(streamed(stream)) == []


def test_a_swallowed_change_is_found_at_the_end(stream: Stream) -> None:
    stream.client.task("flip")

    (found,) = check(streamed(stream))

    assert found.rule is Rule.STREAM
    assert "1 tasks differ from the list" in found.detail


def test_a_gap_is_found_where_a_list_was_read_at_the_same_revision(stream: Stream) -> None:
    stream.client.task("flip", place=0)
    left_out = stream.client.revision
    stream.client.task("flip", place=1)
    stream.changes(since=left_out)
    stream.client.sync()
    stream.client.task("flip", place=0)  # and back, so that nothing is missing at the end
    stream.changes()

    found = check(streamed(stream))

    assert [one.rule for one in found] == [Rule.STREAM]
    assert "was another state before" in found[0].detail


def test_a_revision_that_is_told_twice_is_found(stream: Stream) -> None:
    stream.tell("changes", data=stream.client._changes(1))

    assert rules(stream) == [Rule.STREAM]


def test_a_revision_that_goes_back_is_found(stream: Stream) -> None:
    older = stream.client._changes(0) | {"revision": stream.client.revision - 1}
    stream.tell("changes", data=older)

    assert Rule.STREAM in rules(stream)


def test_tasks_that_are_older_than_the_copy_are_found_after_a_reset(stream: Stream) -> None:
    older = stream.client._changes(0) | {"revision": stream.client.revision - 1}
    stream.tell("opened", 17)
    stream.tell("reset", data={"revision": stream.client.revision})
    stream.tell("read", data=older)

    assert Rule.STREAM in rules(stream)


def test_changes_since_a_revision_that_never_was_are_found(stream: Stream) -> None:
    stream.client.task("flip")
    stream.tell("opened", 17)
    stream.changes()

    assert rules(stream) == [Rule.STREAM]


def test_a_stream_that_is_refused_with_another_status_is_found(stream: Stream) -> None:
    stream.tell("refused", data=500)

    assert rules(stream) == [Rule.STREAM]


def test_streams_are_kept_in_the_file_and_counted_in_the_table(stream: Stream, tmp_path: Path) -> None:
    stream.client.task("flip")
    found = streamed(stream)

    write_history(tmp_path / "history.jsonl", found)
    kept = read_history(tmp_path / "history.jsonl")

    assert kept.streamed == found.streamed
    line = "event streams: opened 1, resumed 0, refused 0, events 3, resets 0, differences 1"
    assert line in list(table(kept, check(kept)))
