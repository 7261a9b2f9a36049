"""Events as text: what a client joins again is what was written."""

import pytest
from gateway.event_format import FIRST_RETRY_S, LAST_RETRY_S, changes_event, reset_event, retry


@pytest.mark.parametrize("body", [b"{}", b'{"changed": [{"id":1}, \n {"id":2}]}', "{\u2028}".encode(), b"\n\n"])
def test_the_data_of_changes_are_their_bytes(body: bytes) -> None:
    text = changes_event(7, memoryview(body))

    assert text.endswith(b"\n\n")
    name, event_id, *data = text.removesuffix(b"\n\n").split(b"\n")
    assert (name, event_id) == (b"event: changes", b"id: 7")
    assert all(line.startswith(b"data: ") for line in data)
    assert b"\n".join(line.removeprefix(b"data: ") for line in data) == body


def test_a_reset_has_no_id() -> None:
    assert reset_event(7) == b'event: reset\ndata: {"revision": 7}\n\n'


def test_clients_come_again_at_different_times() -> None:
    times = {int(retry().removeprefix(b"retry: ").removesuffix(b"\n\n")) for _ in range(1_000)}

    assert len(times) > 500
    assert min(times) >= FIRST_RETRY_S * 1000
    assert max(times) <= LAST_RETRY_S * 1000
