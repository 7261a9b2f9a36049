"""An upper bound: a FastAPI route that only returns two bytes."""

from fastapi import FastAPI
from starlette.responses import PlainTextResponse


async def ok() -> PlainTextResponse:
    """Two bytes."""
    return PlainTextResponse("ok")


def create_app() -> FastAPI:
    """The service, for `uvicorn --factory`."""
    app = FastAPI(title="Bare")
    app.get("/ok")(ok)
    return app
