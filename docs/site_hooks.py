"""What MkDocs needs beside its configuration: pages and pictures that lie outside docs/, and links to them.

README.md is the first page. A link to a page or picture of the repository leads to its copy in the site; one to any
other file, such as a source, is shown as text, because the site has no sources.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PATTERNS = ("*.md", "deploy/**/README.md", "clients/**/*.md", "clients/**/*.svg", "benchmarks/results/*.svg")
OUTSIDE = {
    str(path.relative_to(ROOT)): str(path.relative_to(ROOT))
    for pattern in PATTERNS
    for path in sorted(ROOT.glob(pattern))
    if not {".venv", "node_modules"} & set(path.parts)
} | {"README.md": "index.md"}
"""Where each file of the repository outside docs/ stands in the site."""

ADR_INDEX = "adr/index.md"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
IMAGE = re.compile(r'(<(?:img src|source [^>]*srcset)=")([^"]+)(")')
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds all decisions to the navigation, under Explanation, and under Reference a page for each type of problem."""
    parts = {name: part for named in config.nav or () for name, part in named.items()}
    parts["Explanation"].append({"Decisions": [ADR_INDEX, *_listed("adr")]})
    (problems,) = [page for page in parts["Reference"] if "Problems" in page]
    problems["Problems"] = [problems["Problems"], *_listed("problems")]
    return config


def _listed(folder: str) -> list[dict[str, str]]:
    """All pages of a folder of docs/ for the navigation."""
    return [{_title(one): f"{folder}/{one.name}"} for one in sorted((ROOT / "docs" / folder).glob("*.md"))]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what lies outside, and a page that lists all decisions."""
    for source, target in OUTSIDE.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    listed = "\n".join(f"- [{_title(one)}]({one.name})" for one in records)
    files.append(File.generated(config, ADR_INDEX, content=f"# Decisions\n\n{listed}\n"))
    return files


def _title(page: Path) -> str:
    return page.read_text().partition("\n")[0].removeprefix("# ")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes each relative link lead to where its target stands in the site. Code stays as it is."""
    places = {target: source for source, target in OUTSIDE.items()}
    here = places.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def linked(found: re.Match[str]) -> str:
        picture, text, target, anchor = found.groups(default="")
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        there = _in_site(here, target, files)
        if there is None:
            return text
        return f"{picture}[{text}]({_relative(page.file.src_uri, there)}{anchor})"

    def shown(found: re.Match[str]) -> str:
        there = _in_site(here, found[2], files)
        return f"{found[1]}{found[2] if there is None else _relative(page.file.src_uri, there)}{found[3]}"

    kept = FENCE.findall(markdown)
    parts = [IMAGE.sub(shown, LINK.sub(linked, part)) for part in FENCE.split(markdown)]
    return "".join(text for pair in zip(parts, [*kept, ""], strict=True) for text in pair)


def _in_site(here: str, target: str, files: Files) -> str | None:
    """The target of a link in the repository's file `here`, as the site names it; None where the site has none."""
    there = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
    if there == "docs/adr":
        return ADR_INDEX
    for name in (there, f"{there}/README.md"):
        if name in OUTSIDE:
            return OUTSIDE[name]
    inside = there.removeprefix("docs/")
    return inside if inside != there and files.get_file_from_path(inside) is not None else None


def _relative(page: str, there: str) -> str:
    return posixpath.relpath(there, posixpath.dirname(page) or ".")
