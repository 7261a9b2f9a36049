"""A server that leaves without its clients noticing.

uvicorn closes every idle connection at once when it is told to stop: a request that is on its way over one of them, or
over a new one that nobody has accepted yet, gets a reset, and its client cannot know that it was not carried out.
"""

import asyncio
import os
import socket
from typing import Any

import uvicorn

from common.http_server.answer import CLOSE

LINGER_S = 1.0
"""How long idle connections are still served; a client that uses its connection as often gets `Connection: close`."""

_LOOK_EVERY_S = 0.02


class DrainingServer(uvicorn.Server):
    """Stops in three steps: it takes no new connections, answers on the others with `Connection: close` until they are
    gone or LINGER_S has passed, and then ends as uvicorn does: what is left of them, once its request is finished.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn after SIGINT or SIGTERM."""
        await self._stop_listening()
        self._announce_the_end()
        clock = asyncio.get_running_loop().time
        ends_at = clock() + LINGER_S
        while self.server_state.connections and clock() < ends_at and not self.force_exit:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(_LOOK_EVERY_S)
        await super().shutdown(sockets)

    async def _stop_listening(self) -> None:
        """Closes the listening sockets, and serves those that have connected by then."""
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

    def _announce_the_end(self) -> None:
        state = self.server_state
        state.default_headers = [*state.default_headers, CLOSE]


def _accept_waiting(listening: socket.socket) -> list[socket.socket]:
    """The connections that the kernel has made and nobody has accepted; closes the socket."""
    accepted: list[socket.socket] = []
    listening.setblocking(False)
    with listening:
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:  # none is left, or no more files can be opened
                return accepted
            connected.setblocking(False)
            accepted.append(connected)
