"""Keeps results in the repository, so that reviews see their changes."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def round_floats(value: Any) -> Any:
    """The same value with four significant digits, which is more than a measurement has."""
    match value:
        case float():
            return float(f"{value:.4g}")
        case dict():
            return {key: round_floats(item) for key, item in value.items()}
        case list() | tuple():
            return [round_floats(item) for item in value]
        case _:
            return value


def keep_json(name: str, content: dict[str, Any]) -> None:
    """Writes `<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(round_floats(content), indent=1) + "\n")


def keep_picture(name: str, svg: str) -> None:
    """Writes `<name>.svg`."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.svg").write_text(svg)
