from importlib.metadata import version

from local_stack.stack import Stack

from benchmarks.machine import describe
from benchmarks.report import measured_on


async def test_the_servers_and_packages_of_a_measurement_are_named(stack: Stack) -> None:
    facts = await describe(stack)

    machine, versions = measured_on(facts)
    assert stack.rabbitmq is not None
    assert f"rabbitmq {'.'.join(map(str, stack.rabbitmq.version))} (Erlang " in versions
    assert f"uvicorn {version('uvicorn')}" in versions
    assert "unknown" not in versions
    assert machine.startswith("machine: ")
