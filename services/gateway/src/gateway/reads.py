"""The two reads: check the ids, ask the task-reader, pass its bytes on.

Concurrent reads leave as one request to the reader, which answers them in one SQL round trip; a lone read leaves at
once. See batching.py.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from common import framing
from common.contracts import Read, ReadBatch
from common.health import Part
from common.paths import path_uuid
from common.problems import TASK_NOT_FOUND, UNAVAILABLE, Problem
from common.time_limits import time_limit
from common.tracing import batch_span
from starlette.requests import Request
from starlette.responses import Response

from gateway.batching import Batcher, BatchLimits
from gateway.metrics import measured, show_lane
from gateway.parameters import require_known_parameters
from gateway.reader_link import ReaderUnavailable, open_reader_link
from gateway.settings import GatewaySettings
from gateway.waiting import Full, Refusals

type Lane = Batcher[Read, memoryview | None]

NOBODY = UUID(int=0)


@dataclass(frozen=True)
class Reads:
    """Lists and single tasks travel apart, so that a long list delays no read of one task."""

    lists: Lane
    finds: Lane
    timeout_s: float
    part: Part
    refusals: Refusals


async def list_tasks(request: Request) -> Response:
    """All tasks of the user, newest first."""
    reads: Reads = request.app.state.reads
    user_id = path_uuid(request, "user_id")
    require_known_parameters(request)
    read = Read(user_id=UUID(user_id), **_names(request))
    return Response(await _answer(reads, reads.lists, read), media_type="application/json")


async def find_task(request: Request) -> Response:
    """One task of the user."""
    reads: Reads = request.app.state.reads
    user_id, task_id = path_uuid(request, "user_id"), path_uuid(request, "task_id")
    require_known_parameters(request)
    read = Read(user_id=UUID(user_id), task_id=UUID(task_id), **_names(request))
    task = await _answer(reads, reads.finds, read)
    if task is None:
        raise Problem(TASK_NOT_FOUND, "The user has no task with this id.")
    return Response(task, media_type="application/json")


def _names(request: Request) -> dict[str, str | None]:
    return {"request_id": request.scope["request_id"], "traceparent": request.scope["traceparent"]}


async def _answer(reads: Reads, lane: Lane, read: Read) -> memoryview | None:
    """The reader's JSON, waiting included within the limit; a 503 problem when there is none."""
    try:
        with time_limit(reads.timeout_s):
            return await lane.submit(read.user_id, read)
    except (ReaderUnavailable, TimeoutError) as error:
        raise Problem(UNAVAILABLE, "Tasks cannot be read now.") from error
    except Full as error:
        await reads.refusals.take_turn()
        raise Problem(UNAVAILABLE, "Too many reads are waiting.") from error


@asynccontextmanager
async def open_reads(settings: GatewaySettings) -> AsyncIterator[Reads]:
    """The lanes to the task-reader, and the limit on every answer."""
    async with open_reader_link(settings) as link:

        async def send(reads: Sequence[Read]) -> list[memoryview | None]:
            body = ReadBatch(reads=list(reads)).model_dump_json().encode()
            try:
                with batch_span("ask task-reader", "CLIENT", reads) as traceparent:
                    answers = _unpack(await link.ask(body, traceparent), len(reads))
            except ReaderUnavailable:
                part.failed()
                raise
            part.worked()
            return answers

        def lane(name: str, max_batch: int) -> Lane:
            limits = BatchLimits(
                max_batch=max_batch,
                max_in_flight=settings.reads_max_in_flight,
                max_waiting=settings.reads_max_waiting,
                longest_wait_s=settings.read_timeout_s / 2,
            )
            batcher = Batcher(measured(name, send), limits)
            show_lane(name, batcher)
            return batcher

        lists, finds = lane("lists", settings.lists_max_batch), lane("finds", settings.finds_max_batch)
        part = Part(lambda: finds.submit(NOBODY, Read(user_id=NOBODY, task_id=NOBODY)))
        yield Reads(lists, finds, settings.read_timeout_s, part, Refusals())


def _unpack(body: bytes, count: int) -> list[memoryview | None]:
    try:
        answers = framing.unpack(body)
    except ValueError as error:
        raise ReaderUnavailable(f"the task-reader's answer cannot be read: {error}") from error
    if len(answers) != count:
        raise ReaderUnavailable("the task-reader answered another number of reads")
    return answers
