"""The texts of this repository, and what stands in them: code, links, tables."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("deploy/**/*.md")),
    *sorted(ROOT.glob("clients/*/*.md")),
]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TABLE_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)


def fences(page: str, language: str) -> list[str]:
    """The content of the page's code blocks in this language."""
    return [content for found, content in FENCE.findall(page) if found == language]


def code(page: str) -> list[str]:
    """Every line of the page that is code: its code spans, and the lines of its code blocks."""
    blocks = [line for _, content in FENCE.findall(page) for line in content.splitlines()]
    return blocks + CODE_SPAN.findall(FENCE.sub("", page))


def links(page: str) -> list[str]:
    """What the page links to inside this repository, without the part after `#`."""
    return [target.partition("#")[0] for target in LINK.findall(FENCE.sub("", page)) if "://" not in target]


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below the heading, row by row, without its head."""
    section = f"\n{page}".partition(f"\n{heading}\n")[2].partition("\n#")[0]
    return [[cell.strip() for cell in row.split(" | ")] for row in TABLE_ROW.findall(section)][1:]
