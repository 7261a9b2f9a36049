"""What the README says is so: its session happens as it is printed, and it is read in a few minutes."""

from pathlib import Path

from .pages import README
from .sessions import assert_session_happens

MAX_LINES = 150


def test_the_session_of_the_readme_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(README, gateway_url, tmp_path)


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= MAX_LINES
