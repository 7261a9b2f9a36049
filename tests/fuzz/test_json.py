"""With mutated bodies, JSON is accepted exactly where the standard library in strict mode reads it, and means the
same: our parser is pydantic's, which is lenient about NaN and about members that are there twice."""

import json
from random import Random, SystemRandom
from typing import Any, NoReturn

import pytest
from common.http.problems import MALFORMED_BODY, Problem
from gateway.batch_bodies import BatchBody
from gateway.bodies import CompletionBody, PatchBody, ReplacementBody, TaskBody
from gateway.json_faults import BYTE_ORDER_MARK, parse_json
from pydantic import BaseModel

from .budget import BUDGET, SHORT, TIME_LIMIT_S

SEED = 1 if BUDGET.same_each_time else SystemRandom().randrange(2**32)
CASES = 5_000 if BUDGET is SHORT else 300_000
IDS = {"id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "user_id": "0d4f2c1a-9f6e-4a53-8c0b-5a2f2b7f3d10"}
MODELS = (TaskBody, CompletionBody, ReplacementBody, PatchBody, BatchBody)
MALFORMED = object()

SEEDS = (
    b'{"title":"a","description":"b:c","is_completed":true}',
    b'{"title":"\\u003a\\ud83d\\ude00","description":null}',
    b'{"is_completed" : false}',
    json.dumps({"title": "a", "created_at": ":", **IDS}).encode(),
    b'{"operations":[{"op":"create","title":"a:b"},{"op":"complete","id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"}]}',
    b'{"operations":[{"op":"patch","id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","title":"\\u003a","description":null}]}',
)
WORDS = (
    b'"title":"b",', b',"title":"c"', b'"is_completed":false,', b'"tit\\u006ce":"z",', b'{"a":1,"a":2}', b'"":0,',
    b"NaN", b"-Infinity", b"-0", b"1e400", b"9" * 4_301, b"1E+", b".5", b"01", b"null", b"true", b"/**/", b"[" * 9,
    b":", b",", b'"', b"\\", b"{", b"}", b"]", b"\\u003A", b"\\ud800", b"\\u0000", b"\x00", b"\x1f", b"\xff",
    b"\xed\xa0\x80", b"\xc2\xa0", b" ", b"\n", b"\x0c", BYTE_ORDER_MARK,
)  # fmt: skip


def mutated(draw: Random) -> bytes:
    """A body with up to four mutations."""
    body = bytearray(draw.choice(SEEDS))
    for _ in range(draw.randint(0, 4)):
        start = draw.randint(0, len(body))
        end = start + draw.choice((0, 0, 1, 2, 6))
        body[start:end] = draw.choice((b"", body[start:end] * 2, draw.choice(WORDS), draw.choice(WORDS)))
    return bytes(body)


def read_strictly(body: bytes) -> Any:
    """The value of the body, MALFORMED without one."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a member is there twice")
        return dict(pairs)

    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        text = body.removeprefix(BYTE_ORDER_MARK).decode()
        return json.loads(text, parse_int=float, parse_constant=refuse, object_pairs_hook=once)
    except ValueError:
        return MALFORMED


def read_by_us(body: bytes, model: type[BaseModel]) -> Any:
    """The members that the body sets; MALFORMED for 400, None where a rule of the schema is broken."""
    try:
        parsed = parse_json(body, model, IDS)
    except Problem as problem:
        return MALFORMED if problem.kind is MALFORMED_BODY else None
    return members_of(parsed)


def members_of(parsed: BaseModel) -> dict[str, Any]:
    """What the body sets, operations of a batch included."""
    members = {name: getattr(parsed, name) for name in parsed.model_fields_set}
    return {
        name: [members_of(one) for one in value] if isinstance(value, list) else value
        for name, value in members.items()
    }


@pytest.mark.timeout(TIME_LIMIT_S)
def test_bodies_are_read_as_a_strict_reader_reads_them() -> None:
    draw = Random(SEED)  # noqa: S311 - to be drawn again
    accepted = malformed = 0

    for _ in range(CASES):
        body = mutated(draw)
        strict = read_strictly(body)
        for model in MODELS:
            ours = read_by_us(body, model)
            assert (ours is MALFORMED) == (strict is MALFORMED), f"{model.__name__} {body!r}"
            assert ours is None or ours == strict, f"{model.__name__} {body!r}"
            accepted += isinstance(ours, dict)
            malformed += ours is MALFORMED

    assert accepted > CASES / 10, "hardly anything was accepted"
    assert malformed > CASES / 10, "hardly anything was malformed"
