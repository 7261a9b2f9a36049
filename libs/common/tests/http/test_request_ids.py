"""Request ids: the client's, or a new one."""

import pytest
from common.http.request_ids import MAX_CHARACTERS, new_request_id, request_id_of


@pytest.mark.parametrize("value", [b"a", b"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", b"!~", b"x" * MAX_CHARACTERS])
def test_a_name_of_visible_characters_is_taken(value: bytes) -> None:
    assert request_id_of([(b"host", b"a"), (b"x-request-id", value)]) == value.decode()


@pytest.mark.parametrize(
    "value", [b"", b" ", b"a b", b"a\tb", b"\xc3\xa9", b"\x00", b"a\x7f", b"x" * (MAX_CHARACTERS + 1)]
)
def test_any_other_is_replaced(value: bytes) -> None:
    made = request_id_of([(b"x-request-id", value)])

    assert made != value.decode("latin-1")
    assert len(made) == 16


def test_a_request_without_a_name_gets_one_of_its_own() -> None:
    assert len({request_id_of([]) for _ in range(1000)} | {new_request_id()}) == 1001
