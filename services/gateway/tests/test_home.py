"""The home page's files are served where HOME_PAGE asks for them, under a policy that they fit."""

import re
from collections.abc import AsyncIterator

import pytest
from gateway.home import FILES, POLICY

from tests.serving import Served

from .in_process import lonely_gateway

ASSETS = sorted(file.name for file in FILES.iterdir() if file.name != "index.html")
MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@pytest.fixture(scope="module")
async def home() -> AsyncIterator[Served]:
    async with lonely_gateway(home_page=True) as gateway:
        yield gateway


async def test_it_is_off_unless_asked_for(gateway: Served) -> None:
    answers = [await gateway.ask("GET", path) for path in ("/", "/home/home.js", "/home/settings.json")]

    assert [answer.status for answer in answers] == [404, 404, 404]


async def test_the_page_is_served_under_a_strict_policy(home: Served) -> None:
    page = await home.ask("GET", "/")

    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("asset", ASSETS)
async def test_every_file_is_served_with_its_type(home: Served, asset: str) -> None:
    answer = await home.ask("GET", f"/home/{asset}")

    media_type = answer.headers["content-type"].partition(";")[0]
    assert (answer.status, media_type) == (200, MEDIA_TYPES[asset.rpartition(".")[2]])
    assert answer.body == (FILES / asset).read_bytes()
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_has_no_script_or_style_of_its_own_and_nothing_from_elsewhere(home: Served) -> None:
    page = (await home.ask("GET", "/")).body.decode()

    addresses = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) == []
    assert {address for address in addresses if address.startswith("home/")} <= {f"home/{asset}" for asset in ASSETS}
    assert [address for address in addresses if "//" in address] == []


@pytest.mark.parametrize("script", [asset for asset in ASSETS if asset.endswith(".js")])
def test_no_text_becomes_html_and_only_own_modules_are_imported(script: str) -> None:
    text = (FILES / script).read_text()

    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text) == []
    assert set(re.findall(r'from "\./([^"]+)"', text)) <= set(ASSETS)
    assert re.findall(r"https?://(?!\$)", text) == []


async def test_the_page_learns_whether_a_token_is_needed_and_no_secret(home: Served) -> None:
    known = (await home.ask("GET", "/home/settings.json")).json()

    assert (known["auth_mode"], known["user_claim"], known["status_port"]) == ("off", "sub", None)
    assert set(known) == {"auth_mode", "user_claim", "version", "status_port"}


@pytest.mark.parametrize(("admin_host", "told"), [("127.0.0.1", 0), ("0.0.0.0", None)])  # noqa: S104 - nobody listens there for long
async def test_the_status_page_is_named_where_it_is_for_this_machine_alone(admin_host: str, told: int | None) -> None:
    async with lonely_gateway(home_page=True, admin_port=0, admin_host=admin_host) as gateway:
        known = (await gateway.ask("GET", "/home/settings.json")).json()

    assert known["status_port"] == told


async def test_other_methods_are_refused_as_everywhere(home: Served) -> None:
    answer = await home.ask("POST", "/")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_it_is_not_part_of_the_described_api(home: Served) -> None:
    paths = (await home.ask("GET", "/openapi.json")).json()["paths"]

    assert [path for path in paths if not path.startswith("/api/")] == []
