"""The patterns that the schemas show say of every character what the models do."""

import re
import sys
from typing import Any

from common.contracts import STORABLE_PATTERN, TITLE_PATTERN, Description, Title
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


def test_white_space_around_changes_nothing_and_u_0000_does_anywhere() -> None:
    assert re.search(TITLE_PATTERN, " \n\x1c a \x85\u3000")
    assert not re.search(TITLE_PATTERN, " \n\x1c\x85\u3000")
    assert not re.search(TITLE_PATTERN, "a\x00")
    assert not re.search(TITLE_PATTERN, "\x00a")
