"""In which order a batch is acknowledged and answered, and what a stalled or failed answer does to it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import AsyncMock, Mock
from uuid import uuid4

import pytest
from common.contracts import DeleteTask, Outcome
from prometheus_client import REGISTRY
from task_writer.batches import Answered
from task_writer.handlers import CommandHandler

LIMIT_S = 5.0
DONE = Outcome(status="done", task="{}")


@dataclass
class Channel:
    """A message, and the connection that its answer leaves by: both keep what is asked of them."""

    told: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def message(self) -> Any:
        raw = Mock(channel=Mock(queue_declare=self._telling("looked")))
        return Mock(ack=self._telling("acknowledged"), raw_message=raw, reply_to="a", correlation_id="b")

    def handler(self) -> CommandHandler:
        return CommandHandler(Mock(), replies=Mock(publish=self._answer), dead_letters=Mock())

    def _telling(self, text: str) -> AsyncMock:
        return AsyncMock(side_effect=lambda *_, **__: self.told.append(text))

    async def _answer(self, *_: object, within_s: float) -> None:
        await asyncio.wait_for(self.may_answer.wait(), within_s)
        self.told.append("answered")


@pytest.mark.parametrize("status", ["refused", "expired"])
async def test_what_must_not_run_again_is_answered_once_rabbitmq_has_the_acknowledgement(status: Any) -> None:
    channel = Channel()
    channel.may_answer.set()

    await channel.handler()._settle(channel.message(), [DONE, Outcome(status=status)])

    assert channel.told == ["acknowledged", "looked", "answered"]


@pytest.mark.parametrize("status", ["done", "not_found", "unknown", "key_reused"])
async def test_an_answer_that_stalls_holds_up_no_acknowledgement(status: Any) -> None:
    channel = Channel()

    settling = asyncio.create_task(channel.handler()._settle(channel.message(), [Outcome(status=status)]))
    await asyncio.sleep(0)
    before = list(channel.told)
    channel.may_answer.set()
    await asyncio.wait_for(settling, LIMIT_S)

    assert before == ["acknowledged"]
    assert channel.told == ["acknowledged", "answered"]


async def test_a_batch_whose_answer_does_not_get_through_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def counted() -> float:
        labels = {"type": "delete_task", "outcome": "done"}
        return REGISTRY.get_sample_value("taskwire_commands_total", labels) or 0.0

    command = DeleteTask(command_id=uuid4(), user_id=uuid4(), deadline_unix_ms=1, task_id=uuid4())
    channel = Channel()
    handler = CommandHandler(Mock(), replies=Mock(publish=AsyncMock(side_effect=TimeoutError)), dead_letters=Mock())
    monkeypatch.setattr(handler, "_work_off", AsyncMock(return_value=([DONE], [Answered(command, DONE)], 0.1)))
    before = counted()

    with pytest.raises(TimeoutError):
        await handler._handle(channel.message())

    assert channel.told == ["acknowledged"]
    assert counted() == before + 1
