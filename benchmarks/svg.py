"""The few SVG elements that the pictures need: a white card, so that they are readable on any page."""

from collections.abc import Iterable, Mapping
from html import escape

COLOURS: Mapping[str, str] = {
    "product": "#1f6feb",
    "monolith": "#8c959f",
    "tuned": "#bc4c00",
    "node": "#2da44e",
    "go": "#0b7285",
}
NAMES: Mapping[str, str] = {
    "product": "Taskwire",
    "monolith": "monolith: FastAPI + SQLModel",
    "tuned": "the monolith tuned by hand",
    "node": "Node: fastify",
    "go": "Go: net/http, pgx",
}
_STYLE = """
.title { font-size: 17px; font-weight: 600; fill: #1f2328 }
.name { font-size: 13px; font-weight: 600; fill: #1f2328 }
.label { font-size: 12px; fill: #1f2328 }
.note { font-size: 11px; fill: #59636e }
.end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #d0d7de; stroke-width: 1 }
"""


def text(x: float, y: float, words: str, css: str) -> str:
    """Words whose base line starts, ends or has its middle at x, as the classes say."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}">{escape(words)}</text>'


def rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A bar or a swatch."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" fill="{colour}"/>'


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A thin grey line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="grid"/>'


def curve(points: Iterable[tuple[float, float]], colour: str) -> str:
    """Straight lines from point to point, with a dot on each."""
    places = [f"{x:.1f},{y:.1f}" for x, y in points]
    dots = "".join('<circle cx="{}" cy="{}" r="3.5" fill="{}"/>'.format(*p.split(","), colour) for p in places)
    return f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'


def legend(x: float, y: float, names: Iterable[str]) -> str:
    """A swatch and a name for each system, in one row."""
    parts = []
    for name in names:
        parts += [rectangle(x, y - 10, 12, 12, COLOURS[name]), text(x + 18, y, NAMES[name], "label")]
        x += 34 + 6.6 * len(NAMES[name])
    return "\n".join(parts)


def card(width: int, height: int, title: str, elements: Iterable[str]) -> str:
    """The whole picture."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' role="img" font-family="system-ui, -apple-system, \'Segoe UI\', Helvetica, Arial, sans-serif">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style>",
            f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="12" fill="#fff" stroke="#d0d7de"/>',
            text(28, 38, title, "title"),
            *elements,
            "</svg>\n",
        )
    )
