"""Characters that show nothing by themselves, so that a text of them alone is blank.

White space, and what Unicode calls Default_Ignorable_Code_Point: those that a font shows nothing for unless a
neighbour gives them a meaning, such as joiners, marks of direction, variation selectors and fillers. From
https://www.unicode.org/Public/17.0.0/ucd/DerivedCoreProperties.txt; the property keeps room for characters to come, so
the list is as good as final. U+2800, which is defined as an empty pattern of Braille, is none of them and is added.
"""

import re

IGNORABLE_RANGES = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
BRAILLE_BLANK = 0x2800


def _spelled(code: int) -> str:
    """A character in a pattern that Python and ECMA-262 read alike; neither has the other's escape beyond U+FFFF."""
    return f"\\u{code:04x}" if code <= 0xFFFF else chr(code)  # noqa: PLR2004 - the end of four hexadecimal digits


INVISIBLE_CLASS = r"\s\u001c-\u001f\u0085" + "".join(
    _spelled(first) if first == last else f"{_spelled(first)}-{_spelled(last)}"
    for first, last in sorted((*IGNORABLE_RANGES, (BRAILLE_BLANK, BRAILLE_BLANK)))
)
"""Inside the brackets of a pattern. White space is not the same to Python and to ECMA-262: with U+001C to U+001F and
U+0085 it is, since U+FEFF is ignorable."""

_VISIBLE = re.compile(f"[^{INVISIBLE_CLASS}]")


def is_blank(text: str) -> bool:
    """Whether the text shows nothing. Ends at the first character that shows something, most often the first."""
    return not "!" <= text[:1] <= "~" and _VISIBLE.search(text) is None
