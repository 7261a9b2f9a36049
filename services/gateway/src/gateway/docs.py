"""The interactive documentation at /docs, with bundled assets, so that it works without internet access.

static/swagger-ui holds the files of the npm package swagger-ui-dist 5.35.0 (Apache-2.0), unchanged.
"""

import asyncio
from pathlib import Path

from common.http.lean_route import LeanRoute
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, Response

from gateway.openapi import openapi_document
from gateway.static_files import serving

ASSETS = Path(__file__).parent / "static" / "swagger-ui"


class _Document:
    """The OpenAPI document, made when it is first asked for: it takes 0.1 s, for which every start would wait."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._making = asyncio.Lock()
        self._body: bytes | None = None

    async def body(self) -> bytes:
        """As JSON. It is made in a thread, so that other requests go on meanwhile."""
        async with self._making:
            if self._body is None:
                self._body = await asyncio.to_thread(self._make)
        return self._body

    def _make(self) -> bytes:
        return bytes(JSONResponse(openapi_document(self._app)).body)


def docs_router(app: FastAPI) -> APIRouter:
    """Routes for /docs, its assets, and /openapi.json, which describes the app's operations."""
    document = _Document(app)
    docs = APIRouter(route_class=LeanRoute, include_in_schema=False)

    @docs.get("/openapi.json")
    async def openapi() -> Response:
        return Response(await document.body(), media_type="application/json")

    docs.get("/docs")(_page)
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        docs.get(f"/docs/assets/{asset}")(serving(ASSETS / asset))
    return docs


async def _page() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Taskwire API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon-32x32.png",
    )
