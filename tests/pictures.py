"""Colours: those that a style sheet names, and those of PNG pictures as a browser writes them: 8 bits a channel, not
interlaced (https://www.w3.org/TR/png/)."""

import re
import struct
import zlib
from collections.abc import Iterator

READABLE, VISIBLE = 4.5, 3.0  # contrast of text, of lines: WCAG 2.2, 1.4.3 and 1.4.11
_BYTES_OF = {2: 3, 6: 4}  # colour types: RGB, and RGB with alpha


def palettes(style: str) -> dict[str, dict[str, str]]:
    """The colours of a style sheet by their names, in each scheme: it has them in two rules for `:root`."""
    light, dark = re.findall(r":root \{([^}]*)\}", style)
    return {name: dict(re.findall(r"--(\w+): (#\w+)", text)) for name, text in (("light", light), ("dark", dark))}


def rgb(colour: str) -> tuple[int, int, int]:
    """The colour as a picture has it, from #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def contrast(one: str, other: str) -> float:
    """From 1 to 21, as WCAG reckons it."""
    darker, lighter = sorted(luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [part / 255 for part in rgb(colour)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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
