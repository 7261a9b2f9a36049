"""The form of an answer to a read, as PostgreSQL writes it and every release must read it."""

import pytest
from common.contracts.revised import Revised, split

LIST, TASK = b'[{"id":1}]', b'{"id":1}'


@pytest.mark.parametrize("json", [LIST, TASK, b"[]", b'{"a":"1 2"}'])
@pytest.mark.parametrize("revision", [0, 7, 1_764_115_200_000_000, 2**63 - 1])
def test_an_answer_is_a_revision_and_json(revision: int, json: bytes) -> None:
    assert split(memoryview(b"%d %b" % (revision, json))) == Revised(revision, memoryview(json))


@pytest.mark.parametrize("revision", [0, 7, 2**63 - 1])
def test_a_revision_alone_says_that_it_is_known(revision: int) -> None:
    assert split(memoryview(b"%d" % revision)) == Revised(revision, None)


@pytest.mark.parametrize("json", [LIST, TASK])
def test_json_alone_is_of_a_release_without_revisions(json: bytes) -> None:
    assert split(memoryview(json)) == Revised(None, memoryview(json))


@pytest.mark.parametrize(
    "nonsense", [b"", b" ", b" {}", b"-7 {}", b"+7", b"1_0 {}", b"x", b"1" * 20, b"1" * 20 + b" []"]
)
def test_what_has_no_revision_is_noticed(nonsense: bytes) -> None:
    with pytest.raises(ValueError, match="no revision"):
        split(memoryview(nonsense))


def test_nothing_is_copied() -> None:
    answer = bytearray(b"7 " + LIST)

    body = split(memoryview(answer)).body
    answer[3] = ord("!")

    assert body is not None
    assert body.tobytes() == b'[!"id":1}]'
