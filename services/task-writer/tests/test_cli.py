"""The `task-writer` command line."""

from pathlib import Path

import pytest
from task_writer.cli import _parser


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"action": None}),
        (["run"], {"action": "run"}),
        (["migrate"], {"action": "migrate"}),
        (["dead-letters", "list"], {"dead_letter_action": "list", "limit": 50}),
        (["dead-letters", "list", "--limit", "65535"], {"limit": 65_535}),
        (["dead-letters", "show", "0a"], {"dead_letter_action": "show", "id": "0a"}),
        (["dead-letters", "replay", "0a"], {"dead_letter_action": "replay", "id": "0a", "force": False}),
        (["dead-letters", "replay", "--all", "--force"], {"dead_letter_action": "replay", "id": None, "force": True}),
        (["dead-letters", "discard", "--all"], {"dead_letter_action": "discard", "id": None, "yes": False}),
        (["dead-letters", "discard", "0a", "--yes"], {"id": "0a", "yes": True}),
    ],
    ids=" ".join,
)
def test_arguments_are_parsed(words: list[str], expected: dict[str, object]) -> None:
    parsed = vars(_parser().parse_args(words))

    assert {name: parsed[name] for name in expected} == expected


@pytest.mark.parametrize(
    "words",
    [
        ["explode"],
        ["dead-letters"],
        ["dead-letters", "show"],
        ["dead-letters", "replay"],
        ["dead-letters", "replay", "0a", "--all"],
        ["dead-letters", "discard", "--yes"],
        *(["dead-letters", "list", "--limit", limit] for limit in ("0", "-1", "x", "65536", "9" * 5000, "1.5", "²")),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_other_words_end_with_the_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        _parser().parse_args(words)

    assert capsys.readouterr().err.startswith("usage: task-writer")


# FastStream and Alembic take half a second each to load.
def test_the_help_needs_neither_the_bus_nor_the_migrations() -> None:
    source = Path(_parser.__code__.co_filename).read_text()

    imports = [line for line in source.splitlines() if line.startswith(("import ", "from "))]

    assert imports == [
        "import argparse",
        "import signal",
        "from common.extras import are_installed",
        "from common.observability.logs import configure_logging",
        "from common.settings import load",
        "from task_writer.settings import MigrationSettings, WriterSettings",
    ]
