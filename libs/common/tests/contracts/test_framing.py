import pytest
from common.contracts.framing import pack, unpack


@pytest.mark.parametrize("bodies", [[], [b""], [None], [b"[]", None, b"", b"x" * 70_000, None]])
def test_what_was_packed_is_unpacked(bodies: list[bytes | None]) -> None:
    assert unpack(pack(bodies)) == bodies


@pytest.mark.parametrize("cut", [1, 3, 4, 5])
def test_a_cut_off_frame_is_refused(cut: int) -> None:
    packed = pack([b"ab", b"cd"])

    with pytest.raises(ValueError, match="truncated"):
        unpack(packed[:-cut])


def test_the_wire_format_is_a_big_endian_length_and_the_bytes() -> None:
    assert pack([b"ab", None]) == b"\x00\x00\x00\x02ab\xff\xff\xff\xff"
