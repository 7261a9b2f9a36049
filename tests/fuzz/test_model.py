"""Whatever two users do, and however often RabbitMQ delivers it: the API holds what a model of it in memory holds."""

import asyncio
from collections.abc import Sequence
from functools import partial

import httpx
import pytest
from common.bus.topology import DEAD_LETTERS_NAME
from common.contracts.outcomes import Outcome
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from local_stack.stack import Stack

from tests.integration.raw_gateway import RawGateway, raw_gateway

from .budget import BUDGET, TIME_LIMIT_S
from .machine import Api

SETTINGS = settings(
    max_examples=BUDGET.model_runs,
    stateful_step_count=BUDGET.steps,
    derandomize=BUDGET.same_each_time,
    database=None,
    # To make a failure shorter takes hypothesis up to five minutes here; the long run has them.
    phases=[Phase.generate] if BUDGET.same_each_time else [Phase.generate, Phase.shrink],
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # each step is a request or several to a real system
)


@pytest.mark.timeout(TIME_LIMIT_S)
async def test_the_api_holds_what_its_model_holds(stack: Stack) -> None:
    async with raw_gateway(stack.addresses.rabbitmq_url) as bus:
        dead_lettered = await bus.waiting(DEAD_LETTERS_NAME)

        await asyncio.to_thread(run_machine, stack.addresses.gateway_url, bus, asyncio.get_running_loop())

        assert await bus.waiting(DEAD_LETTERS_NAME) == dead_lettered


def run_machine(gateway_url: str, bus: RawGateway, loop: asyncio.AbstractEventLoop) -> None:
    """Runs the machine, which is not async, beside the loop to which the connection with RabbitMQ belongs."""

    def deliver(body: bytes) -> Sequence[Outcome]:
        return asyncio.run_coroutine_threadsafe(call(bus, body), loop).result()

    with httpx.Client(
        base_url=gateway_url, timeout=15, limits=httpx.Limits(keepalive_expiry=1), trust_env=False
    ) as api:
        machine = partial(Api, api, deliver)
        run_state_machine_as_test(machine, settings=SETTINGS)  # type: ignore[arg-type]  # any callable that makes one


async def call(bus: RawGateway, body: bytes) -> Sequence[Outcome]:
    """The reply to this message. TimeoutError when none comes."""
    sent = await bus.send_bytes(body)
    correlation_id, outcomes = await bus.reply()
    assert correlation_id == sent
    return outcomes
