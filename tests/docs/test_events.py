"""What docs/events.md says is so: its session happens."""

from pathlib import Path

from .pages import ROOT
from .sessions import assert_session_happens


def test_the_session_of_two_clients_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(ROOT / "docs" / "events.md", gateway_url, tmp_path)
