"""The interactive documentation at /docs, with bundled assets, so that it works without internet access.

static/swagger-ui holds the files of the npm package swagger-ui-dist 5.35.0 (Apache-2.0), unchanged.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from common.http.lean_route import LeanRoute
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.openapi import openapi_document

ASSETS = Path(__file__).parent / "static" / "swagger-ui"


def docs_router(app: FastAPI) -> APIRouter:
    """Routes for /docs, its assets, and /openapi.json, which describes the operations that the app has so far."""
    document = openapi_document(app)
    docs = APIRouter(route_class=LeanRoute, include_in_schema=False)

    @docs.get("/openapi.json")
    async def openapi() -> JSONResponse:
        return JSONResponse(document)

    docs.get("/docs")(_page)
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        docs.get(f"/docs/assets/{asset}")(_serving(ASSETS / asset))
    return docs


class _WholeFile(FileResponse):
    """A file that is always sent whole: a server may ignore Range (RFC 9110, section 14.2), and
    Starlette does not answer invalid ranges with problems."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _serving(path: Path) -> Callable[[], Awaitable[FileResponse]]:
    async def asset() -> FileResponse:
        return _WholeFile(path, headers={"Accept-Ranges": "none"})

    return asset


async def _page() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Taskwire API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon-32x32.png",
    )
