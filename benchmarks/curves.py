"""Draws curves over a logarithmic axis."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.svg import card, curve, line, rectangle, text

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 80, 50, 96, 64

type Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """Title and axes of a picture. Both axes are logarithmic with `log_y`; otherwise y begins at 0."""

    title: str
    x_label: str
    log_y: bool = False


def curves(chart: Chart, series: Mapping[str, Points], colours: Mapping[str, str]) -> str:
    """One curve for each name, on x values that all of them share."""
    xs = sorted({x for points in series.values() for x, _ in points})
    ticks = _ticks([y for points in series.values() for _, y in points], log=chart.log_y)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - math.log(xs[0])) / (math.log(xs[-1]) - math.log(xs[0]))
        low, high = ticks[0], ticks[-1]
        up = (math.log(y / low) / math.log(high / low)) if chart.log_y else y / high
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    elements = []
    for tick in ticks:
        _, y = place(xs[0], tick)
        elements += [line(LEFT, y, WIDTH - RIGHT, y), text(LEFT - 8, y + 4, f"{tick:,g}", "label end")]
    for x in xs:
        elements.append(text(place(x, ticks[-1])[0], HEIGHT - BOTTOM + 20, f"{x:,.0f}", "label middle"))
    elements.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 42, chart.x_label, "note middle"))
    across = float(LEFT)
    for name, points in series.items():
        elements.append(curve([place(x, y) for x, y in points], colours[name]))
        elements += [rectangle(across, 56, 12, 12, colours[name]), text(across + 18, 66, name, "label")]
        across += 40 + 6.6 * len(name)
    return card(WIDTH, HEIGHT, chart.title, elements)


def _ticks(values: Sequence[float], *, log: bool) -> list[float]:
    """Round numbers around the values: powers of ten, or five or so steps from 0."""
    if log:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return [10.0**power for power in range(low, max(high, low + 1) + 1)]
    rough = max(values) / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough)
    return [step * number for number in range(math.ceil(max(values) / step) + 1)]
