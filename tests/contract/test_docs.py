"""/docs shows the contract to people, and everything that it needs for that comes from the gateway itself."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest

from .expectations import media_type

# Elements whose address the browser loads by itself; a link that one clicks may lead anywhere.
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
IN_STYLE = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")


class Assets(HTMLParser):
    """Collects the addresses that a browser loads to show the page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(LOADED.get(tag, ""))
        if address:
            self.addresses.append(address)
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.addresses += IN_STYLE.findall(data)


@pytest.fixture(scope="module")
def page(api: httpx.Client) -> httpx.Response:
    """The page."""
    return api.get("/docs")


@pytest.fixture(scope="module")
def assets(page: httpx.Response) -> list[str]:
    """The addresses that the page loads; data inside the page itself is not loaded."""
    parser = Assets()
    parser.feed(page.text)
    parser.close()
    return [address for address in parser.addresses if not address.startswith("data:")]


def test_the_docs_are_a_page(page: httpx.Response) -> None:
    assert (page.status_code, media_type(page)) == (200, "text/html")


def test_the_docs_show_the_published_description(page: httpx.Response) -> None:
    assert "openapi.json" in page.text


def test_the_docs_load_something(assets: list[str]) -> None:
    assert assets


def test_the_docs_load_nothing_from_elsewhere(assets: list[str]) -> None:
    assert [address for address in assets if re.match(r"(?i)([a-z][a-z0-9+.-]*:)?//", address)] == []


def test_a_script_in_the_docs_names_no_other_place(page: httpx.Response) -> None:
    scripts = re.findall(r"(?is)<script[^>]*>(.*?)</script>", page.text)

    assert [script for script in scripts if re.search(r"""["'`](?:https?:)?//""", script)] == []


def test_the_gateway_serves_what_the_docs_load(api: httpx.Client, assets: list[str]) -> None:
    answers = {address: api.get(urljoin("/docs", address)).status_code for address in assets}

    assert answers == dict.fromkeys(assets, 200)
