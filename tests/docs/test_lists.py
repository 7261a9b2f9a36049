"""What docs/lists.md says is so: its session happens, and its table names the parameters."""

from pathlib import Path

from gateway.list_query import ListQuery

from .pages import ROOT, code, table
from .sessions import assert_session_happens

PAGE = ROOT / "docs" / "lists.md"


def test_the_session_of_lists_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(PAGE, gateway_url, tmp_path)


def test_every_parameter_is_described() -> None:
    rows = table(PAGE.read_text(), "## Parameters")

    described = {name for row in rows for name in code(row[0])}

    assert described == set(ListQuery.model_fields)
