"""The pictures are valid XML and show what was measured."""

from xml.etree import ElementTree as ET

from benchmarks.bars import bars
from benchmarks.curves import Chart, curves
from benchmarks.report import Measured
from benchmarks.scenarios import SCENARIOS
from tests.benchmarks.runs import runs

FACTS = {
    "machine": {"cores": "2", "processor": "A <fast> & good one"},
    "plan": {"rounds": 1, "seconds": 1},
    "peers": {"go": {"go": "1.27.3", "pgx": "4.15.0"}},
}


def words(svg: str) -> list[str]:
    """All text of the picture; ParseError when it is no XML."""
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - our own


def test_the_bars_carry_rates_and_multiples() -> None:
    systems = {"product": runs(3500.0), "monolith": runs(1000.0), "tuned": runs(5000.0), "go": runs(9000.0)}

    shown = words(bars([Measured(scenario, systems) for scenario in SCENARIOS], FACTS))

    assert shown.count("3,500/s, 3.5 times") == len(SCENARIOS)
    assert any(line.endswith("go 1.27.3, pgx 4.15.0.") for line in shown)
    assert any("A <fast> & good one" in line for line in shown)


def test_curves_name_their_sizes_and_series() -> None:
    series = {"<one>": [(10.0, 50.0), (1000.0, 5.0)], "other": [(10.0, 500.0), (1000.0, 50.0)]}
    colours = {"<one>": "#000", "other": "#111"}

    for log_y in (False, True):
        shown = words(curves(Chart("How it grows", "rows", log_y=log_y), series, colours))

        assert {"How it grows", "rows", "10", "1,000", "<one>", "other"} <= set(shown)
