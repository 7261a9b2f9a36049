"""Event streams outlive RabbitMQ, and hints are heard again once it is back, on each supported line of it."""

import asyncio

import pytest
from local_stack.rabbitmq import Rabbitmq

from tests.conftest import Addresses
from tests.integration.listening import running_system
from tests.waiting import eventually

HEARTBEAT_S = 0.5
NEVER_S = 3600.0
LIMIT_S = 60.0


async def test_a_stream_outlives_a_restart_of_rabbitmq_and_gets_what_comes_after(
    node: Rabbitmq, addresses: Addresses
) -> None:
    async with running_system(addresses, node, event_check_s=NEVER_S, event_heartbeat_s=HEARTBEAT_S) as system:
        listener = await system.listen_from_now()
        await listener.all_of(await system.create())

        await node.stop()
        alive = listener.comments
        with pytest.raises(TimeoutError):
            await listener.next(within_s=4 * HEARTBEAT_S)
        assert listener.comments > alive
        await node.start()

        async def comes_by_a_hint() -> bool:
            revision = await system.create()
            try:
                await asyncio.wait_for(listener.all_of(revision), 2.0)
            except TimeoutError:  # the writer, or the gateway, is not connected yet
                return False
            return True

        await eventually(comes_by_a_hint, within_s=LIMIT_S)
