"""Fixtures of every contract test: a client of the running gateway, and a user of its own."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest


@pytest.fixture(scope="session")
def api(gateway_url: str) -> Iterator[httpx.Client]:
    """A client of the gateway; it follows no redirect, and it drops idle connections before a server would."""
    limits = httpx.Limits(keepalive_expiry=1)
    with httpx.Client(base_url=gateway_url, timeout=15, limits=limits, trust_env=False) as client:
        yield client


@pytest.fixture
def user_id() -> str:
    """A user without tasks."""
    return str(uuid4())


@pytest.fixture
def stranger_id() -> str:
    """Another user without tasks."""
    return str(uuid4())
