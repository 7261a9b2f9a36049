"""What docs/sync.md says is so: its session happens."""

from pathlib import Path

from .pages import ROOT
from .sessions import assert_session_happens


def test_the_session_of_deltas_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(ROOT / "docs" / "sync.md", gateway_url, tmp_path)
