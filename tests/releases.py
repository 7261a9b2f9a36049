"""RabbitMQ nodes of the lines of releases that are supported."""

import pytest
from local_stack.errors import MissingProgram
from local_stack.rabbitmq import Rabbitmq, prepare_rabbitmq
from local_stack.state import State
from local_stack.supervision import Report, silent


async def rabbitmq_of_line(state: State, line: str, report: Report = silent) -> Rabbitmq:
    """A node of the line, not started yet. Skips the test where this machine has none and cannot get one."""
    try:
        return await prepare_rabbitmq(state, report, line=line)
    except MissingProgram as error:
        pytest.skip(str(error))
