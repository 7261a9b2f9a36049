"""The documentation builds as a site, strictly: no dead link, no page that is missing or left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import PAGES, ROOT

LOADED = re.compile(
    r'<(?:script|img|iframe)\b[^>]*\bsrc="(https?:)?//|<link\b[^>]*rel="(?:stylesheet|preconnect)"[^>]*href="(https?:)?//'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return folder


def test_each_page_of_the_repository_is_in_it(site: Path) -> None:
    names = {str(page.relative_to(ROOT).with_suffix(".html")).removeprefix("docs/") for page in PAGES}
    served = {name.replace("README.html", "index.html") for name in names}

    assert {name for name in served if not (site / name).exists()} == set()
    assert "One minute with the API" in (site / "index.html").read_text()


def test_its_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if LOADED.search(page.read_text())]

    assert pages == []


def test_pictures_and_documents_for_tools_are_in_it(site: Path) -> None:
    wanted = (
        *("home-page.webp", "home-page-dark.webp", "home-page-phone.webp", "home-page-phone-dark.webp"),
        *("status-page.webp", "status-page-dark.webp", "clients/python/screens/ls.svg"),
        *("journeys.svg", "openapi.json", "benchmarks/results/latest.svg"),
    )

    assert [name for name in wanted if not (site / name).exists()] == []
    for name in ("home-page.webp", "benchmarks/results/latest.svg"):
        assert f'src="{name}"' in (site / "index.html").read_text()
    assert 'srcset="home-page-dark.webp"' in (site / "index.html").read_text()
