"""What docs/conditional-requests.md says is so: its session happens as it is printed."""

from pathlib import Path

from .pages import ROOT
from .sessions import assert_session_happens

PAGE = ROOT / "docs" / "conditional-requests.md"


def test_the_session_of_conditional_requests_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(PAGE, gateway_url, tmp_path)
