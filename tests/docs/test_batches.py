"""What docs/batches.md says is so: its session happens, and its table names the operations with their members."""

from pathlib import Path
from typing import get_args

from gateway.batch_bodies import AnyOperation

from .pages import ROOT, code, table
from .sessions import assert_session_happens

PAGE = ROOT / "docs" / "batches.md"


def test_the_session_of_batches_is_what_happens(gateway_url: str, tmp_path: Path) -> None:
    assert_session_happens(PAGE, gateway_url, tmp_path)


def test_every_operation_is_described() -> None:
    described = {name for row in table(PAGE.read_text(), "## Operations") for name in code(row[0])}

    models = get_args(AnyOperation.__value__)
    assert described == {name for model in models for name in get_args(model.model_fields["op"].annotation)}
