"""Whose code CPU time goes to: each sample has one owner, and the parts are the whole."""

import pytest

from benchmarks.profiles import LOOP, owner_of, parts_of

MAIN = "run (/usr/lib/python3.13/asyncio/runners.py:118)"
STREAMS = "write (/usr/lib/python3.13/asyncio/streams.py:350)"


@pytest.mark.parametrize(
    ("frames", "owner"),
    [
        (f"{MAIN};_send (/home/me/taskwire/services/gateway/src/gateway/tasks.py:7)", "service"),
        (f"{MAIN};_write (/app/libs/common/src/common/http_server/answer.py:70)", "HTTP server"),
        (f"{MAIN};respond (/app/libs/common/src/common/http/lean_route.py:70)", "web framework"),
        (f"{MAIN};__call__ (/.venv/lib/python3.13/site-packages/starlette/routing.py:70)", "web framework"),
        (f"{MAIN};__writer (/.venv/lib/python3.13/site-packages/aiormq/connection.py:7);{STREAMS}", "AMQP client"),
        (f"{MAIN};execute (/.venv/lib/python3.13/site-packages/psycopg/cursor_async.py:9)", "PostgreSQL client"),
        (f"<module> (/app/services/gateway/src/gateway/app.py:9);{MAIN}", LOOP),
    ],
    ids=["service", "own server", "own routing", "framework", "library through the standard one", "driver", "loop"],
)
def test_a_sample_belongs_to_the_innermost_library(frames: str, owner: str) -> None:
    assert owner_of(frames) == owner


def test_the_loop_has_the_time_that_no_other_sample_explains() -> None:
    working = "f (/app/services/gateway/src/gateway/tasks.py:7)"

    parts = parts_of([f"{MAIN};{working} 30", f"{MAIN} 70"], spent=100.0, busy=0.4)

    assert parts == {"service": 75.0, LOOP: 25.0}


def test_a_process_that_waited_for_a_core_has_no_more_than_it_spent() -> None:
    working = "f (/app/services/gateway/src/gateway/tasks.py:7)"

    assert parts_of([f"{MAIN};{working} 90", f"{MAIN} 10"], spent=50.0, busy=0.4) == {"service": 50.0, LOOP: 0.0}
