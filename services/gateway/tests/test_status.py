"""The status page's data: two minutes of samples, and what the task-readers say of their databases."""

import json

from common.http.request_metrics import observe_request
from gateway.reader_statuses import Databases, look_at_databases
from gateway.status_samples import KEPT, History, sample
from pydantic import HttpUrl

from tests.ports import closed_port

from .in_process import settings

NOWHERE = HttpUrl("http://reader.invalid:8001")


def test_the_history_has_the_last_two_minutes_the_oldest_first() -> None:
    history = History()
    for status in (200, 503):
        history.add()
        observe_request("GET", "/api/{user_id}/tasks", status, 0.002)
    history.add()

    first, _, last = json.loads(history.as_json())

    assert (last["reads"]["requests"], last["reads"]["failed"]) == (
        first["reads"]["requests"] + 2,
        first["reads"]["failed"] + 1,
    )
    for _ in range(KEPT):
        history.add()
    assert len(json.loads(history.as_json())) == KEPT


def test_a_sample_is_json_even_while_nothing_is_known() -> None:
    json.dumps(sample(), allow_nan=False)


async def test_readers_that_do_not_answer_are_left_out() -> None:
    with closed_port() as nobody:
        databases = await look_at_databases(settings(nobody))

    assert databases == Databases("unknown", 0, is_late=False, lags_s={})


async def test_a_name_that_nobody_has_is_no_reader() -> None:
    databases = await look_at_databases(settings(1).model_copy(update={"reader_url": NOWHERE}))

    assert databases.readers == 0
