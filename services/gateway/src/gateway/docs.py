"""The interactive documentation at /docs, with its assets shipped, so that it works without internet access.

static/swagger-ui holds the files of the npm package swagger-ui-dist 5.35.0 (Apache-2.0), unchanged.
"""

from functools import partial
from pathlib import Path

from common.routing import add_route
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from gateway.openapi import Json

ASSETS = Path(__file__).parent / "static" / "swagger-ui"


def add_docs(app: FastAPI, document: Json) -> None:
    """Serves the document at /openapi.json, /docs and the assets that /docs needs."""
    add_route(app, "GET", "/openapi.json", partial(_document, document))
    add_route(app, "GET", "/docs", _page)
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        add_route(app, "GET", f"/docs/assets/{asset}", partial(_asset, ASSETS / asset))


async def _asset(path: Path, _: Request) -> Response:
    return FileResponse(path)


async def _document(document: Json, _: Request) -> Response:
    return JSONResponse(document)


async def _page(_: Request) -> Response:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Taskwire API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon-32x32.png",
    )
