"""The pictures of how cost grows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.curves import Chart, Points, curves
from benchmarks.measuring import Run, summary
from benchmarks.results import keep_picture
from benchmarks.svg import COLOURS, NAMES

WORK_COLOURS = {"GET one task": "#1f6feb", "GET list of 20": "#8250df", "POST": "#bc4c00"}


@dataclass(frozen=True)
class Point:
    """The runs of all systems in one work at one size."""

    work: str
    size: int
    runs: Mapping[str, Sequence[Run]]

    def rate(self, system: str) -> float:
        """Requests per second, the median of the rounds."""
        return summary(self.runs[system])["requests_per_s"].median


def draw(growth: Mapping[str, Sequence[Point]]) -> None:
    """Keeps a picture for each growth, and for connections one of each work."""
    lists = Chart("Lists per second, 8 connections", "tasks in the list", log_y=True)
    _keep("growth-lists", lists, _by_system(growth["lists"]))
    for work, name in (("GET one task", "get"), ("POST", "post")):
        chart = Chart(f"{work}: requests per second", "connections")
        points = [point for point in growth["connections"] if point.work == work]
        _keep(f"growth-connections-{name}", chart, _by_system(points))
    rows = Chart("Taskwire on a growing table: requests per second, 32 connections", "rows in the table")
    by_work = {
        work: [(point.size, point.rate("product")) for point in growth["rows"] if point.work == work]
        for work in WORK_COLOURS
    }
    keep_picture("growth-rows", curves(rows, by_work, WORK_COLOURS))


def _keep(name: str, chart: Chart, series: Mapping[str, Points]) -> None:
    colours = {NAMES[system]: colour for system, colour in COLOURS.items()}
    keep_picture(name, curves(chart, {NAMES[system]: points for system, points in series.items()}, colours))


def _by_system(points: Sequence[Point]) -> dict[str, Points]:
    return {system: [(point.size, point.rate(system)) for point in points] for system in points[0].runs}
