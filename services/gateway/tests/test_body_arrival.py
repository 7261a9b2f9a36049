"""Bodies that arrive in chunks, too large, too slowly, cut off, or with another media type."""

import pytest
from common.http.problems import (
    BODY_TOO_LARGE,
    INVALID_TASK,
    MALFORMED_BODY,
    NOT_JSON,
    UNSUPPORTED_CODING,
    Problem,
    ProblemType,
)
from gateway.bodies import MAX_BODY_BYTES, CompletionBody, TaskBody, read_json, read_optional_json
from starlette.requests import ClientDisconnect, Request

from .body_requests import JSON, TITLE, Client, refusal, request


@pytest.mark.parametrize("chunk_bytes", [1, 2, 7, 1000])
async def test_chunks_may_end_anywhere_even_inside_a_character(chunk_bytes: int) -> None:
    body = '{"title": "déjà vu 😀"}'.encode()
    chunks = [body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)]

    task = await read_json(request(*chunks), TaskBody)

    assert task.title == "déjà vu 😀"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        " application/json\t",
        "APPLICATION/JSON; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ; Charset=utf8 ; v=1",
        'application/json; note="; charset\\"=x"',
        "application/json;",
        "application/json; v=charset",
    ],
)
async def test_json_in_utf_8_is_accepted(media_type: str) -> None:
    task = await read_json(request(TITLE, headers={"content-type": media_type}), TaskBody)

    assert task.title == "Buy milk"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/json",
        "json",
        "",
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/problem+json",
        "application/vnd.api+json",
        "application/ld+json; charset=utf-8",
        "application/jsonx",
        "application/json, application/json",
        "application/json; charset=latin-1",
        'application/json; charset="utf-16"',
        "application/json; v=1;charset=us-ascii",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset",
    ],
)
async def test_another_media_type_or_charset_is_415_and_the_right_one_is_named(media_type: str) -> None:
    problem = await refusal(request(Client.STALLS, headers={"content-type": media_type}))

    assert (problem.kind, problem.headers) == (NOT_JSON, {"Accept": "application/json"})


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", "gzip, identity", "x"])
async def test_a_coded_body_is_415_and_the_right_coding_is_named(coding: str) -> None:
    problem = await refusal(request(Client.STALLS, headers=JSON | {"content-encoding": coding}))

    assert (problem.kind, problem.headers["Accept-Encoding"]) == (UNSUPPORTED_CODING, "identity")


@pytest.mark.parametrize("coding", ["identity", "Identity", " identity, identity", ""])
async def test_a_body_that_is_coded_as_itself_is_read(coding: str) -> None:
    task = await read_json(request(TITLE, headers=JSON | {"content-encoding": coding}), TaskBody)

    assert task.title == "Buy milk"


async def test_a_body_without_a_media_type_is_415() -> None:
    problem = await refusal(request(TITLE, headers={}))

    assert problem.kind == NOT_JSON


async def of_optional(sent: Request) -> ProblemType | CompletionBody | None:
    """What reading an optional body comes to: the body, None, or the kind of its problem."""
    try:
        return await read_optional_json(sent, CompletionBody)
    except Problem as problem:
        return problem.kind


@pytest.mark.parametrize(("headers", "kind"), [({}, MALFORMED_BODY), ({"content-type": "text/plain"}, NOT_JSON)])
async def test_an_empty_body_is_400_unless_it_claims_to_be_something_else(
    headers: dict[str, str], kind: ProblemType
) -> None:
    problem = await refusal(request(headers=headers))

    assert problem.kind == kind


@pytest.mark.parametrize(("body", "kind"), [(b"", None), (TITLE, NOT_JSON), (b"{}", NOT_JSON)])
async def test_an_optional_body_that_is_there_must_be_json(body: bytes, kind: ProblemType | None) -> None:
    assert await of_optional(request(body, headers={"content-type": "text/plain"})) == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b" ", MALFORMED_BODY), (b"tru", MALFORMED_BODY), (b"true", INVALID_TASK), (b'{"a": 1}', INVALID_TASK)],
)
async def test_an_optional_body_that_is_there_is_checked(body: bytes, kind: ProblemType) -> None:
    assert await of_optional(request(body)) == kind


async def test_an_absent_optional_body_is_none() -> None:
    assert await read_optional_json(request(), CompletionBody) is None


def padded(body_bytes: int) -> bytes:
    """A sound body of this many bytes."""
    return TITLE + b" " * (body_bytes - len(TITLE))


@pytest.mark.parametrize("headers", [JSON, JSON | {"content-length": str(MAX_BODY_BYTES)}], ids=["chunked", "sized"])
async def test_a_body_of_exactly_the_limit_is_accepted(headers: dict[str, str]) -> None:
    task = await read_json(request(padded(MAX_BODY_BYTES), headers=headers), TaskBody)

    assert task.title == "Buy milk"


@pytest.mark.parametrize(
    "headers", [JSON, JSON | {"content-length": str(MAX_BODY_BYTES + 1)}], ids=["chunked", "sized"]
)
async def test_one_byte_over_the_limit_is_413(headers: dict[str, str]) -> None:
    problem = await refusal(request(padded(MAX_BODY_BYTES + 1), headers=headers))

    assert problem.kind == BODY_TOO_LARGE


@pytest.mark.parametrize("length", ["70000", "065537", "9" * 19, "9" * 5_000])
async def test_a_length_over_the_limit_is_413_before_anything_is_read(length: str) -> None:
    problem = await refusal(request(Client.GOES_AWAY, headers=JSON | {"content-length": length}))

    assert problem.kind == BODY_TOO_LARGE


async def test_a_body_without_a_length_is_not_read_beyond_the_limit() -> None:
    problem = await refusal(request(*[b"x" * 1000] * 66, Client.GOES_AWAY))

    assert problem.kind == BODY_TOO_LARGE


@pytest.mark.parametrize("arrived", [(), (b'{"title": ',)])
async def test_a_client_that_goes_away_ends_the_reading(arrived: tuple[bytes, ...]) -> None:
    with pytest.raises(ClientDisconnect):
        await read_json(request(*arrived, Client.GOES_AWAY), TaskBody)
