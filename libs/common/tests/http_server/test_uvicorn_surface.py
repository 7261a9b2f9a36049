"""All that we use of uvicorn beyond its documented settings; a release that renames any of it fails here, loudly."""

import inspect

import pytest
import uvicorn
from common.http_server.protocol import LimitedHttpProtocol
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

USED = {
    "Config": ("load", "loaded", "loaded_app", "http_protocol_class", "lifespan_class", "ssl"),
    "Server": ("config", "server_state", "started", "force_exit", "startup", "shutdown", "run"),
    "ServerState": ("connections", "tasks", "default_headers", "total_requests"),
    "protocol": ("connection_made", "connection_lost", "data_received", "eof_received", "shutdown"),
}


async def no_app(_scope: object, _receive: object, _send: object) -> None:
    """An app that does nothing."""


@pytest.fixture
def objects() -> dict[str, object]:
    config = uvicorn.Config(no_app, http=LimitedHttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    return {
        "Config": config,
        "Server": uvicorn.Server(config),
        "ServerState": uvicorn.Server(config).server_state,
        "protocol": LimitedHttpProtocol,
    }


@pytest.mark.parametrize("owner", USED)
def test_what_is_used_is_there(objects: dict[str, object], owner: str) -> None:
    assert [name for name in USED[owner] if not hasattr(objects[owner], name)] == []


def test_a_protocol_is_made_as_uvicorn_makes_its_own() -> None:
    ours, theirs = (list(inspect.signature(kind).parameters) for kind in (LimitedHttpProtocol, H11Protocol))

    assert ours == theirs


def test_the_state_holds_sets_and_a_list() -> None:
    state = ServerState()

    assert (state.connections, state.tasks, state.default_headers, state.total_requests) == (set(), set(), [], 0)


@pytest.mark.parametrize("name", ["server_state.connections", "server_state.tasks", ".shutdown()", "self.servers"])
def test_a_stopping_server_waits_for_what_we_register(name: str) -> None:
    assert name in inspect.getsource(uvicorn.Server)
