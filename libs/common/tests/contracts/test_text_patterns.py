"""The patterns that the schemas show say of every character what the models do."""

import re
import subprocess
import sys
from typing import Any

import pytest
from common.contracts.fields import STORABLE_PATTERN, TITLE_PATTERN, Description, Title
from common.contracts.invisible import IGNORABLE_RANGES, is_blank
from pydantic import TypeAdapter, ValidationError

CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]


def taken(kind: Any) -> set[str]:
    """The characters that are a text of this kind."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)

    def is_taken(character: str) -> bool:
        try:
            adapter.validate_python(character)
        except ValidationError:
            return False
        return True

    return set(filter(is_taken, CHARACTERS))


def test_the_pattern_of_a_title_fits_the_characters_that_are_one() -> None:
    assert set(filter(re.compile(TITLE_PATTERN).search, CHARACTERS)) == taken(Title)


def test_the_pattern_of_a_description_fits_the_characters_that_are_one() -> None:
    assert set(filter(re.compile(STORABLE_PATTERN).search, CHARACTERS)) == taken(Description)


def test_what_unicode_lets_fonts_ignore_is_blank() -> None:
    """Perl has the property from Unicode's own files."""
    ignorable = r"\p{Default_Ignorable_Code_Point}"
    program = rf"for (0..0xD7FF, 0xE000..0x10FFFF) {{ print qq($_\n) if chr($_) =~ /^{ignorable}$/ }}"
    matched = subprocess.run(["perl", "-e", program], check=True, capture_output=True, text=True, timeout=60).stdout

    ours = {code for first, last in IGNORABLE_RANGES for code in range(first, last + 1)}

    assert ours == {int(code) for code in matched.split()}
    assert all(is_blank(chr(code)) for code in ours)


@pytest.mark.parametrize("text", ["", " \u200b", "\ufe0f\U000e0061 \u2800", "\u0085\x1f\u2029"])
def test_what_shows_nothing_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text", ["a", "\u200ba", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f", "\u0301", "\x01", "\uac00"]
)
def test_what_shows_something_is_not(text: str) -> None:
    assert not is_blank(text)


def test_white_space_around_changes_nothing_and_u_0000_does_anywhere() -> None:
    assert re.search(TITLE_PATTERN, " \n\x1c a \x85\u3000")
    assert not re.search(TITLE_PATTERN, " \n\x1c\x85\u3000")
    assert not re.search(TITLE_PATTERN, "a\x00")
    assert not re.search(TITLE_PATTERN, "\x00a")
