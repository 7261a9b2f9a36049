"""What the Dockerfile says of an image."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def image_environment(target: str) -> dict[str, str]:
    """The variables that the stage and those below it set."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    base, stage = _stage(text, target)
    below = image_environment(base) if f" AS {base}\n" in text else {}
    return below | dict(re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^ENV (.*)$", stage, re.MULTILINE))))


def copied(stage: str) -> set[str]:
    """What the stage copies from the working tree."""
    _, lines = _stage((ROOT / "Dockerfile").read_text(), stage)
    return {
        source for sources in re.findall(r"^COPY (?!--)(.*) \S+$", lines, re.MULTILINE) for source in sources.split()
    }


def _stage(text: str, name: str) -> tuple[str, str]:
    """What the stage builds on, and its lines."""
    found = re.search(rf"^FROM (\S+) AS {name}\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"the Dockerfile has no target {name}"
    return found[1], found[2]
