"""How much memory a process can need, from its settings: the limits in manifests and docker-compose.yml follow from it.

It is the most that clients can make it hold, all of them at once, and not what it holds as a rule: 80 to 90 MB
(docs/performance.md).
"""

from common.http_server.limits import READ_AHEAD_BYTES
from gateway.batch_bodies import MAX_BATCH_BYTES, MAX_LARGE_BODIES
from gateway.bodies import MAX_BODY_BYTES
from gateway.settings import GatewaySettings
from task_reader.settings import ReaderSettings

MIB = 2**20
PROCESS = 96 * MIB
"""Of a service that has served a million requests: 90 MB, docs/performance.md, "Start-up and memory"."""
CONNECTION = 28 * 2**10
"""With a request that waits: 115 MB for 4,096, docs/performance.md, "Overload"."""
LANES = 5
"""Kinds of reads that a gateway sends apart."""
LISTS = 16 * 250 * 2**10
"""A batch of 16 lists of 1,000 tasks, as PostgreSQL renders them."""
COPIES = 3
"""Of an answer: the driver's, the body's and the transport's."""


def of_clients(connections: int, requests: int, head_bytes: int, body_bytes: int) -> int:
    """What clients can make an HTTP server hold: heads and what is read ahead on every connection, bodies of requests
    in flight, and bodies of as many that are incomplete, which are counted apart."""
    return connections * (CONNECTION + max(head_bytes, READ_AHEAD_BYTES)) + 2 * requests * body_bytes


def gateway_bytes(settings: GatewaySettings) -> int:
    """The most that a gateway can need."""
    clients = of_clients(
        settings.connections_max, settings.requests_max_in_flight, settings.head_max_bytes, MAX_BODY_BYTES
    )
    return PROCESS + clients + 2 * MAX_LARGE_BODIES * MAX_BATCH_BYTES  # as bytes, and parsed


def reader_bytes(settings: ReaderSettings, gateways: int, reads_max_in_flight: int) -> int:
    """The most that a task-reader can need: its clients are gateways, who open no more than they may ask at once."""
    asked = gateways * LANES * reads_max_in_flight
    clients = of_clients(asked, asked, settings.head_max_bytes, MAX_BODY_BYTES)
    return PROCESS + clients + settings.list_cache_bytes + COPIES * settings.pool_size * LISTS
