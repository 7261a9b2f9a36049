"""A uvicorn server that shuts down without failing requests.

On shutdown uvicorn closes every idle connection immediately: a request in transit on one of them, or on a connection
in the accept queue, gets a reset, and its client cannot know that it was not carried out.
"""

import asyncio
import os
import socket
from typing import Any

import uvicorn

from common.http_server.answer import CLOSE
from common.http_server.protocol import LimitedHttpProtocol

DRAIN_S = 1.0
"""How long idle connections are still served; a client that sends within this time gets `Connection: close`."""

_POLL_EVERY_S = 0.02
_TURNS_TO_READ = 2
"""Of the event loop, before idle connections are closed: it looks for data in the first, and has read them before the
second ends. On a busy machine requests may have arrived long before."""


class DrainingServer(uvicorn.Server):
    """Shuts down in three steps: stop accepting connections; end the responses that stay open, and answer on the open
    connections with `Connection: close` until they are gone or DRAIN_S has passed; then uvicorn's own shutdown, which
    lets running requests finish.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn after SIGINT or SIGTERM."""
        await self._stop_listening()
        self._announce_close()
        clock = asyncio.get_running_loop().time
        ends_at = clock() + DRAIN_S
        while self.server_state.connections and clock() < ends_at and not self.force_exit:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_POLL_EVERY_S)
        for _ in range(_TURNS_TO_READ):
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    async def _stop_listening(self) -> None:
        """Closes the listening sockets, and serves the connections in the accept queue."""
        copies = [
            socket.socket(fileno=os.dup(listening.fileno())) for server in self.servers for listening in server.sockets
        ]
        for server in self.servers:
            server.close()
        for connected in [one for copy in copies for one in _accept_waiting(copy)]:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connected, ssl=self.config.ssl)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _announce_close(self) -> None:
        state = self.server_state
        state.default_headers = [*state.default_headers, CLOSE]
        for connection in list(state.connections):
            if isinstance(connection, LimitedHttpProtocol):
                connection.end_stream()


def _accept_waiting(listening: socket.socket) -> list[socket.socket]:
    """The connections in the accept queue; closes the socket."""
    accepted: list[socket.socket] = []
    listening.setblocking(False)
    with listening:
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:  # none left, or too many open files
                return accepted
            connected.setblocking(False)
            accepted.append(connected)
