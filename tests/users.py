"""Users of a gateway that runs elsewhere, over HTTP."""

from uuid import uuid4

import httpx


def new_user(gateway_url: str, *, timeout_s: float = 10.0) -> httpx.AsyncClient:
    """A client of a user who has no tasks yet; its paths are below `/api/{user_id}`. Use `async with`."""
    return httpx.AsyncClient(base_url=f"{gateway_url}/api/{uuid4()}", timeout=timeout_s)
