"""RabbitMQ nodes of the lines of releases that are supported."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from local_stack.errors import MissingProgram
from local_stack.rabbitmq import Rabbitmq, running_rabbitmq
from local_stack.state import State
from local_stack.supervision import Report, silent

SUPPORTED_LINES = ("4", "3.10")


@asynccontextmanager
async def rabbitmq_of_line(state: State, line: str, report: Report = silent) -> AsyncIterator[Rabbitmq]:
    """A ready node of the line. Skips the test where this machine has none and cannot get one."""
    try:
        async with running_rabbitmq(state, report, line=line) as node:
            yield node
    except MissingProgram as error:
        pytest.skip(str(error))
