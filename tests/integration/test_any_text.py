"""Texts of every kind, drawn by hypothesis, through the contract, PostgreSQL and back."""

import json
from uuid import uuid4

from common.contracts.invisible import is_blank
from common.postgres.database import Database
from gateway.bodies import TaskBody
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from task_writer.batches import carry_out

from tests.commands import create
from tests.reading import read_list

storable = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
titles = st.text(storable, min_size=1, max_size=255).filter(lambda text: not is_blank(text))


@settings(deadline=None)
@example("\U000e0000")  # blank, and no white space
@given(st.text(max_size=300))
def test_a_title_is_taken_exactly_when_the_contract_says_so(text: str) -> None:
    allowed = 1 <= len(text) <= 255 and not is_blank(text) and "\x00" not in text

    try:
        TaskBody.model_validate_json(json.dumps({"title": text}))
    except ValidationError:
        taken = False
    else:
        taken = True

    assert taken == allowed


@settings(max_examples=40, deadline=None)
@example(["'", '"', "\\", "\\u0041 \\n \\'", "%s %% %(commands)s", "$$; --", "🦆 é", "a\nb\r\n\tc", "\x01\x7f\u2028"])
@given(st.lists(titles, min_size=1, max_size=20))
async def test_every_title_is_read_as_it_was_written(
    writer_database: Database, reader_database: Database, texts: list[str]
) -> None:
    user = uuid4()

    answered = await carry_out(writer_database, [create(user, title=text) for text in texts])

    written = [json.loads(one.outcome.task or "")["title"] for one in answered]
    read = [task["title"] for task in json.loads(await read_list(reader_database, user))]
    assert written == texts
    assert read == texts[::-1]
