"""The home page at `/`: a to-do list for people, which is an ordinary client of the API (setting HOME_PAGE).

static/home holds its files, which are served as they are: no build, and nothing from elsewhere. The content security
policy allows neither inline scripts nor other hosts, and no text becomes HTML: a task's title may be anything.
"""

from importlib.metadata import version
from pathlib import Path

from common.http.lean_route import LeanRoute
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from gateway.settings import GatewaySettings
from gateway.static_files import serving

FILES = Path(__file__).parent / "static" / "home"
PAGE = FILES / "index.html"
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def home_router(settings: GatewaySettings) -> APIRouter:
    """Routes for the page, its files, and what it has to know of this gateway. None of them asks for a token."""
    home = APIRouter(route_class=LeanRoute, include_in_schema=False)
    known = _known_to_the_page(settings)

    @home.get("/home/settings.json")
    async def page_settings() -> JSONResponse:
        return JSONResponse(known, headers=HEADERS)

    home.get("/")(serving(PAGE, HEADERS))
    for asset in sorted(FILES.iterdir()):
        if asset != PAGE:
            home.get(f"/home/{asset.name}")(serving(asset, HEADERS))
    return home


def _known_to_the_page(settings: GatewaySettings) -> dict[str, object]:
    """`status_port` is for browsers on this machine, where the status page listens on loopback."""
    local = settings.admin_host in {"127.0.0.1", "localhost"}
    return {
        "auth_mode": settings.auth_mode,
        "user_claim": settings.auth_user_claim,
        "version": version("gateway"),
        "status_port": settings.admin_port if local else None,
    }
