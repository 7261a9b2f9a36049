"""Each architecture decision record (ADR) has a number of its own, and whoever names one names one that is there."""

import re
from pathlib import Path

from .pages import ROOT

RECORDS = sorted((ROOT / "docs/adr").glob("*.md"))
NAMED = re.compile(r"\bADR (\d+)")
TEXTS = {".md", ".py", ".sql", ".yml", ".yaml", ".conf"}


def number_of(record: Path) -> int:
    return int(record.name.partition("-")[0])


def test_the_numbers_follow_each_other() -> None:
    assert [number_of(record) for record in RECORDS] == [*range(1, len(RECORDS) + 1)]


def test_each_record_begins_with_its_number() -> None:
    headings = {record.name: record.read_text().partition(":")[0] for record in RECORDS}

    assert headings == {record.name: f"# ADR {number_of(record)}" for record in RECORDS}


def test_each_record_that_is_named_is_there() -> None:
    folders = [ROOT / name for name in ("libs", "services", "deploy", "docs", "tests", "faults", "benchmarks")]
    texts = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXTS]
    named = {int(number) for path in texts for number in NAMED.findall(path.read_text())}

    assert named <= {number_of(record) for record in RECORDS}
    assert named, "the search finds none"
