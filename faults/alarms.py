"""RabbitMQ's two alarms: memory and disk. Under either it blocks every connection that publishes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local_stack.rabbitmq import Rabbitmq

_RAISE_AND_CLEAR = {
    "memory": (("set_vm_memory_high_watermark", "0.0000001"), ("set_vm_memory_high_watermark", "0.4")),
    "disk": (("set_disk_free_limit", "1000000000000000"), ("set_disk_free_limit", "50000000")),  # a petabyte
}


@asynccontextmanager
async def alarm(rabbitmq: Rabbitmq, resource: str) -> AsyncIterator[None]:
    """Raises the alarm inside the context; raising and clearing take a second each. StackError if the node is down."""
    raising, clearing = _RAISE_AND_CLEAR[resource]
    await rabbitmq.control(*raising)
    try:
        yield
    finally:
        await rabbitmq.control(*clearing)
