"""What docs/read-your-writes.md says is so: its session happens as it is printed."""

from pathlib import Path

from .pages import ROOT
from .sessions import assert_session_happens

PAGE = ROOT / "docs" / "read-your-writes.md"


def test_the_session_of_reading_your_writes_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(PAGE, gateway_url, tmp_path)
