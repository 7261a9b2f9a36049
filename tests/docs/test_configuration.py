"""What docs/configuration.md says is so: its tables are the settings of every program."""

import pytest

from .described import SETTINGS, cells
from .pages import ROOT, table

PAGE = ROOT / "docs/configuration.md"


@pytest.mark.parametrize("heading", SETTINGS)
def test_the_tables_are_the_settings(heading: str) -> None:
    fields = SETTINGS[heading].model_fields.items()

    described = [[name, default, meaning] for name, default, _, meaning in table(PAGE.read_text(), heading)]

    assert sorted(described) == sorted(cells(name, field) for name, field in fields)


def test_what_a_value_may_be_is_said_of_each_variable() -> None:
    allowed = {row[0]: row[2] for heading in SETTINGS for row in table(PAGE.read_text(), heading)}

    assert {name: said for name, said in allowed.items() if not said} == {}
    assert allowed["`AUTH_MODE`"] == "`off`, `jwt`"
    assert allowed["`WRITE_DEADLINE_S`"] == "more than 0, up to 86,400"
    assert allowed["`CONCURRENT_BATCHES`"] == "1 to 15"
    assert allowed["`READER_DATABASE_URL`"] == "secret"


def test_every_program_with_settings_has_a_table() -> None:
    files = [*ROOT.glob("services/*/src/*/settings.py"), *ROOT.glob("deploy/*/src/*/settings.py")]
    modules = {path.parent.name for path in files}

    assert {settings.__module__.partition(".")[0] for settings in SETTINGS.values()} == modules
