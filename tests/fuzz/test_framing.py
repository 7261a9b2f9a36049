"""With mutated heads and bodies, no request is carried out that a strict reader does not see.

h11 is that reader. The protocol is asked in this process, which is fast, and a part of it over sockets. Where we refuse
and h11 does not, there is no danger: we are stricter about LF without CR, folded lines, repeated lengths, a length
beside chunks, blanks after the size of a chunk, and versions and targets that are not ours. Harmless differences:

- Empty lines before a request: h11 refuses, we ignore them (RFC 9112, 2.2).
- An absolute target: h11 leaves it to the app, we take the path of it (RFC 9112, 3.2.2).
"""

import asyncio
from random import Random, SystemRandom
from urllib.parse import urlsplit

import pytest
from common.http_server.protocol import HttpLimits

from tests.serving import serving

from .budget import BUDGET, SHORT, TIME_LIMIT_S
from .heads_and_bodies import cut, drawn_bytes
from .strict_reader import Reading, Recorder, Request, read_by_h11, read_by_us

SEED = 1 if BUDGET.same_each_time else SystemRandom().randrange(2**32)
CASES = 4_000 if BUDGET is SHORT else 400_000
CASES_OVER_SOCKETS = 200 if BUDGET is SHORT else 10_000


def as_we_show_it(request: Request) -> Request:
    """The same request with its target as our apps get it."""
    target = request.target
    if not target.startswith(b"/"):
        parts = urlsplit(target)
        target = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
    headers = tuple((name.lower(), value) for name, value in request.headers)
    return Request(request.method, target.removesuffix(b"?"), headers, request.body, request.is_complete)


def assert_no_more_than(strict: Reading, ours: Reading, sent: list[bytes]) -> None:
    """Fails where we have read what the strict reader has not."""
    seen = [as_we_show_it(request) for request in strict.requests]
    assert len(ours.requests) <= len(seen), f"{sent}: {ours} {strict}"
    for mine, theirs in zip(ours.requests, seen, strict=False):
        if mine.is_complete:
            assert mine == theirs, sent
        else:
            assert (mine.method, mine.target) == (theirs.method, theirs.target), sent


def assert_answered_in_order(written: bytes, ours: Reading, sent: list[bytes]) -> None:
    """Fails unless each request that was read has its 200, and one refusal at most comes, last."""
    statuses = [int(line[9:12]) for line in written.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    final = [status for status in statuses if status != 100]
    good = [status for status in final if status == 200]
    assert len(good) == sum(request.is_complete for request in ours.requests), f"{sent}: {statuses}"
    assert final[: len(good)] == good, f"{sent}: {statuses}"
    assert len(final) <= len(good) + 1, f"{sent}: {statuses}"


@pytest.mark.timeout(TIME_LIMIT_S)
async def test_nothing_is_read_that_a_strict_reader_does_not_see() -> None:
    draw = Random(SEED)  # noqa: S311 - to be drawn again
    read = refused = 0

    for _ in range(CASES):
        packets = cut(drawn_bytes(draw), draw)
        strict = read_by_h11(packets)
        ours, written = await read_by_us(packets)
        assert_no_more_than(strict, ours, packets)
        assert_answered_in_order(written, ours, packets)
        read += sum(request.is_complete for request in ours.requests)
        refused += ours.is_error

    print(f"seed {SEED}: {CASES} connections, {read} requests read, {refused} connections refused")
    assert read > CASES / 2, "hardly anything was read"
    assert refused > CASES / 10, "hardly anything was refused"


@pytest.mark.timeout(TIME_LIMIT_S)
async def test_nor_over_sockets() -> None:
    draw = Random(SEED + 1)  # noqa: S311 - as above
    recorder = Recorder()
    async with serving(recorder, lifespan="off", limits=HttpLimits(head_timeout_s=0.2, body_timeout_s=0.2)) as served:
        for _ in range(CASES_OVER_SOCKETS):
            packets = cut(drawn_bytes(draw), draw)
            recorder.requests = []
            answers, requests = await asyncio.open_connection("127.0.0.1", served.port)
            for packet in packets:
                requests.write(packet)
                await asyncio.sleep(0)
            requests.write_eof()
            written = await answers.read()
            requests.close()
            ours = Reading(recorder.requests, is_error=False)
            assert_no_more_than(read_by_h11(packets), ours, packets)
            assert_answered_in_order(written, ours, packets)
