"""RabbitMQ's two alarms: memory and disk. Under either it blocks every connection that publishes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local_stack.commands import run_to_end
from local_stack.rabbitmq import Rabbitmq

_CTL = Path("/usr/lib/rabbitmq/bin/rabbitmqctl")
_CTL_WITHIN_S = 20.0
_RAISE_AND_CLEAR = {
    "memory": (("set_vm_memory_high_watermark", "0.0000001"), ("set_vm_memory_high_watermark", "0.4")),
    "disk": (("set_disk_free_limit", "1000000000000000"), ("set_disk_free_limit", "50000000")),  # a petabyte
}


@asynccontextmanager
async def alarm(rabbitmq: Rabbitmq, resource: str) -> AsyncIterator[None]:
    """The alarm is on inside, and takes a second each to be raised and cleared. StackError when the node is not up."""
    raising, clearing = _RAISE_AND_CLEAR[resource]
    await _ctl(rabbitmq, *raising)
    try:
        yield
    finally:
        await _ctl(rabbitmq, *clearing)


async def _ctl(rabbitmq: Rabbitmq, *arguments: str) -> None:
    await run_to_end(
        (str(_CTL), *arguments),
        environment=rabbitmq.process.program.environment,
        directory=rabbitmq.data.parent.parent,  # where its configuration is named from
        within_s=_CTL_WITHIN_S,
    )
