"""The path operation for many operations at once, which travel as one message (gateway/batch_lane.py)."""

import asyncio
from collections.abc import Sequence

from common.contracts.commands import CommandBatch, KeyedList
from common.contracts.fingerprints import list_fingerprint
from fastapi import APIRouter, Depends, Request, Response

from gateway.batch_answers import BATCH_EXAMPLE, BatchResults
from gateway.batch_bodies import BatchBody
from gateway.batch_results import batch_response
from gateway.call_context import BatchContext, Batches, Call
from gateway.commands import AnyCommand, Envelope
from gateway.parameters import require_known_parameters
from gateway.problem_responses import BODY_PROBLEMS, batches
from gateway.rate_limits import charge
from gateway.task_route import TaskRoute

IN_ONE_TURN = 100  # commands that are made before others have a turn of the event loop

batch = APIRouter(
    prefix="/api/{user_id}/batch",
    tags=["tasks"],
    route_class=TaskRoute,
    dependencies=[Depends(require_known_parameters)],
)


@batch.post(
    "", response_model=BatchResults, responses=batches("A result for each operation", BATCH_EXAMPLE, *BODY_PROBLEMS)
)
async def run_batch(request: Request, context: BatchContext, body: BatchBody, lane: Batches) -> Response:
    """Carry out up to 1,000 operations.

    They are carried out in their order, and each has its own result: one that fails does not affect the others. A body
    with an invalid operation is refused as a whole, and nothing is done. The Idempotency-Key covers the whole batch.
    """
    charge(request, len(body.operations) - 1)  # the request itself has counted as one
    outcomes = await lane.call(await _commands(body, context))
    return batch_response(body.operations, outcomes)


async def _commands(body: BatchBody, context: Call) -> Sequence[AnyCommand]:
    """The operations as commands: those of a request with a key know that they belong together.

    A thousand take 10 to 20 ms: other requests have their turns in between.
    """
    commands: list[AnyCommand] = []
    envelopes = context.envelopes(len(body.operations))
    for operation, envelope in zip(body.operations, envelopes, strict=True):
        precondition = operation.precondition()
        own = envelope if precondition is None else Envelope(**envelope, precondition=precondition)
        commands.append(operation.command(own))
        if len(commands) % IN_ONE_TURN == 0:
            await asyncio.sleep(0)
    if context.key is None:
        return commands
    received = CommandBatch.model_validate({"commands": commands}).commands  # as the task-writers fingerprint them
    await asyncio.sleep(0)
    keyed_list = KeyedList(first=received[0].command_id, fingerprint=list_fingerprint(received))
    await asyncio.sleep(0)
    for command in commands:
        command["keyed_list"] = keyed_list
    return commands
