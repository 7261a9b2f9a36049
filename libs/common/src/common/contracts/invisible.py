"""Characters without a visible form; a text made only of them is blank.

White space and Unicode's Default_Ignorable_Code_Point: joiners, direction marks, variation selectors, fillers and other
characters that are invisible on their own. From https://www.unicode.org/Public/17.0.0/ucd/DerivedCoreProperties.txt;
the property reserves ranges for future characters, so the list rarely changes. U+2800, the blank Braille pattern, does
not have the property and is added.
"""

import re

IGNORABLE_RANGES = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
BRAILLE_BLANK = 0x2800


def _spelled(code: int) -> str:
    """A character in a pattern, in a form that Python and ECMA-262 share; beyond U+FFFF they have no common escape."""
    return f"\\u{code:04x}" if code <= 0xFFFF else chr(code)  # noqa: PLR2004 - the largest code point of four hexadecimal digits


INVISIBLE_CLASS = r"\s\u001c-\u001f\u0085" + "".join(
    _spelled(first) if first == last else f"{_spelled(first)}-{_spelled(last)}"
    for first, last in sorted((*IGNORABLE_RANGES, (BRAILLE_BLANK, BRAILLE_BLANK)))
)
"""For use inside brackets. Python and ECMA-262 differ in what \\s matches; U+001C to U+001F, U+0085 and the ignorable
U+FEFF make up the difference."""

_VISIBLE = re.compile(f"[^{INVISIBLE_CLASS}]")


def is_blank(text: str) -> bool:
    """Whether the text has no visible character. Stops at the first visible one, usually the first character."""
    return not "!" <= text[:1] <= "~" and _VISIBLE.search(text) is None
