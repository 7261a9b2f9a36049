"""The interactive documentation at /docs, with bundled assets, so that it works without internet access.

static/swagger-ui holds the files of the npm package swagger-ui-dist 5.35.0 (Apache-2.0), unchanged.
"""

from pathlib import Path

from common.http.lean_route import LeanRoute
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse

from gateway.openapi import openapi_document
from gateway.static_files import serving

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
