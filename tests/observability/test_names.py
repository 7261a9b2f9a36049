"""What the texts name is what the code has, and the other way round."""

import re

from tests.docs.pages import ROOT, table
from tests.rules.sources import PRODUCT, sources

from .names import MODULES, NAME, labels, metrics, series

MADE = re.compile(r"\b(?:Counter|Gauge|Histogram)\(\s*\"taskwire_")
PAGE = ROOT / "docs" / "metrics.md"


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    rows = table(PAGE.read_text(), "# Metrics")

    described = {
        name.strip("`"): [label.strip("` ") for label in named.split(",") if label != "none"]
        for name, _, named, _ in rows
    }

    assert described == {name: labels(metric) for name, metric in metrics().items()}


def test_growth_names_metrics_that_exist() -> None:
    named = set(NAME.findall((ROOT / "docs" / "growth.md").read_text()))

    assert named
    assert named <= metrics().keys() | series()


def test_metrics_are_created_only_in_the_listed_modules() -> None:
    making = {source.module for source in sources(*PRODUCT) if MADE.search(source.text)}

    assert making == {module.__name__ for module in MODULES}
