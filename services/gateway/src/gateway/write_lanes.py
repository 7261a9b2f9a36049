"""The lanes of the writes, on one link to the task-writers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from common.observability.health import Component
from common.runtime.background import running

from gateway.batch_lane import BatchLane
from gateway.batching import BatchLimits
from gateway.bus_link import open_bus_link
from gateway.command_lane import CommandLane
from gateway.settings import GatewaySettings


@dataclass(frozen=True)
class WriteLanes:
    """One lane for single writes, one for requests with many, and the health of RabbitMQ."""

    commands: CommandLane
    batches: BatchLane
    component: Component


@asynccontextmanager
async def open_write_lanes(settings: GatewaySettings) -> AsyncIterator[WriteLanes]:
    """The lanes and their link. If RabbitMQ is not up within BUS_START_TIMEOUT_S, they refuse commands until it is."""
    async with open_bus_link(settings) as link:
        limits = BatchLimits(
            max_batch=settings.bus_max_batch,
            max_in_flight=settings.bus_max_in_flight,
            max_waiting=settings.bus_max_waiting,
            longest_wait_s=settings.write_deadline_s / 2,
        )
        commands, batches = CommandLane(link, limits), BatchLane(link, longest_wait_s=limits.longest_wait_s)
        async with (
            running("refusals of the command lane", commands.keep_refusing),
            running("refusals of the batch lane", batches.keep_refusing),
        ):
            yield WriteLanes(commands, batches, link.component)
