"""The gateway in this process, over real HTTP, with nothing behind it, or with a lane whose link is the test."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from common.contracts.commands import AnyCommand, CommandBatch
from common.contracts.outcomes import Outcome
from fastapi import FastAPI
from gateway.app import create_app
from gateway.batch_lane import BatchLane
from gateway.batching import BatchLimits
from gateway.command_lane import CommandLane
from gateway.commands import AnyCommand as Sent
from gateway.commands import encode_commands
from gateway.settings import GatewaySettings

from tests.ports import closed_port
from tests.serving import Served, serving

from .command_lane.bench import PlayedLink

USER = "/api/7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"
TASKS = f"{USER}/tasks"
TASK = f"{TASKS}/0d4f2c1a-9f6e-4a53-8c0b-5a2f2b7f3d10"
COMPLETE = f"{TASK}/complete"
CHANGES = TASKS.replace("/tasks", "/changes")
EVENTS = f"{USER}/events"
BATCH = f"{USER}/batch"
JSON = {"Content-Type": "application/json"}


def settings(port: int, **given: Any) -> GatewaySettings:
    """Settings whose reader and whose RabbitMQ are both at `port` of this machine."""
    addresses = {"reader_url": f"http://127.0.0.1:{port}", "rabbitmq_url": f"amqp://guest:guest@127.0.0.1:{port}/"}
    return GatewaySettings(**(addresses | {"port": 0, "bus_start_timeout_s": 0.001} | given))


@cache
def app_without_servers() -> FastAPI:
    """The app of all tests that set its lanes themselves, each before it asks: it takes 0.1 s to make."""
    return create_app(settings(1))


@asynccontextmanager
async def lonely_gateway(**given: Any) -> AsyncIterator[Served]:
    """The whole gateway, without a task-reader and without RabbitMQ."""
    with closed_port() as nobody:
        async with serving(create_app(settings(nobody, **given))) as gateway:
            yield gateway


class AnsweringLink(PlayedLink):
    """Answers every command with one outcome, or each of a batch with its own."""

    def __init__(self, *outcomes: Outcome) -> None:
        super().__init__()
        self.commands: list[AnyCommand] = []
        self._outcomes = outcomes

    async def ask(self, commands: Sequence[Sent], within_s: float) -> Sequence[Outcome]:
        self.commands.extend(CommandBatch.model_validate_json(encode_commands(commands)).commands)
        return self._outcomes * len(commands) if len(self._outcomes) == 1 else self._outcomes


@asynccontextmanager
async def answering_gateway(link: PlayedLink) -> AsyncIterator[Served]:
    """The gateway with this link."""
    lane = CommandLane(link, BatchLimits(max_batch=128, max_in_flight=2, max_waiting=4096, longest_wait_s=1.0))
    app = app_without_servers()
    app.state.commands, app.state.settings = lane, settings(1)
    app.state.batches = BatchLane(link, longest_wait_s=1.0)
    async with serving(app, lifespan="off") as gateway:
        yield gateway


@asynccontextmanager
async def answered_gateway(outcome: Outcome) -> AsyncIterator[tuple[Served, list[AnyCommand]]]:
    """The gateway with a link that answers every command with `outcome`, and the commands that came to it."""
    link = AnsweringLink(outcome)
    async with answering_gateway(link) as gateway:
        yield gateway, link.commands
