"""PNG pictures as a browser writes them: 8 bits a channel, not interlaced (https://www.w3.org/TR/png/)."""

import struct
import zlib
from collections.abc import Iterator

_BYTES_OF = {2: 3, 6: 4}  # colour types: RGB, and RGB with alpha


def size(picture: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


def colours(picture: bytes) -> set[tuple[int, int, int]]:
    """Every colour that a pixel has."""
    width, height = size(picture)
    step = _BYTES_OF[picture[25]]
    rows = zlib.decompress(b"".join(_data(picture)))
    found, before = set[tuple[int, int, int]](), bytearray(width * step)
    for number in range(height):
        start = number * (width * step + 1)
        row = bytearray(rows[start + 1 : start + 1 + width * step])
        _unfilter(rows[start], row, before, step)
        found.update(zip(row[::step], row[1::step], row[2::step], strict=True))
        before = row
    return found


def _data(picture: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        if picture[at + 4 : at + 8] == b"IDAT":
            yield picture[at + 8 : at + 8 + length]
        at += length + 12


def _unfilter(kind: int, row: bytearray, above: bytearray, step: int) -> None:
    for place in range(len(row) if kind else 0):
        left = row[place - step] if place >= step else 0
        corner = above[place - step] if place >= step else 0
        row[place] = row[place] + _predicted(kind, left, above[place], corner) & 0xFF


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 1:
        return left
    if kind == 2:
        return up
    if kind == 3:
        return (left + up) // 2
    guess = left + up - corner
    return min((left, up, corner), key=lambda one: abs(guess - one))
