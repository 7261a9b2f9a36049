"""Event streams: what they cost, what they are limited to, how they end, and what they do when hints are lost."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from common.bus.broker import connect_to
from common.bus.topology import HINTS_NAME
from common.http_server.draining import DRAIN_S
from common.http_server.protocol import HttpLimits
from gateway.tokens import CLOCK_SKEW_S
from local_stack.ports import pick_port
from local_stack.rabbitmq import Rabbitmq
from prometheus_client import REGISTRY

from tests.conftest import Addresses
from tests.integration.listening import GATEWAY, LIMIT_S, WRITER, Listener, System, reader_app, running_system
from tests.issuer import AUDIENCE, ISSUER, OWNER, Issuer, claims
from tests.ports import closed_port
from tests.serving import Served, serving
from tests.waiting import eventually

CHECK_S = 1.0
SLOWLY = 3600.0  # no heartbeat and no check comes in between
TICK_S = 0.25
SOON_S = 5.0
WITHOUT_HINTS = (r"^tasks\.(commands|dead-letters)$", r"^amq\.default$", r"^tasks\.commands$")
WITH_HINTS = (r"^tasks\.(commands|dead-letters|changed)$", r"^(amq\.default|tasks\.changed)$", r"^tasks\.commands$")


@pytest.fixture
async def system(addresses: Addresses, rabbitmq: Rabbitmq) -> AsyncIterator[System]:
    """One in which nothing happens by the clock."""
    async with running_system(addresses, rabbitmq, event_heartbeat_s=SLOWLY, event_check_s=SLOWLY) as running:
        yield running


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def open_streams() -> float:
    return sample("taskwire_event_streams")


async def has_streams(count: int) -> None:
    async def holds() -> bool:
        return open_streams() == count

    await eventually(holds, within_s=SOON_S)


async def hears_hints(system: System) -> Listener:
    """A stream on a gateway that is connected to RabbitMQ: from now on changes come by hints."""
    listener = await system.listen_from_now()

    async def is_told() -> bool:
        used = sample("taskwire_hints_received_total", result="used")
        await listener.all_of(await system.create())
        return sample("taskwire_hints_received_total", result="used") > used

    await eventually(is_told)
    return listener


async def test_a_hint_brings_a_change_before_any_check(system: System) -> None:
    listener = await hears_hints(system)
    began = time.monotonic()

    await listener.all_of(await system.create())

    assert time.monotonic() - began < SOON_S


async def test_many_streams_of_a_user_share_one_read(system: System) -> None:
    listeners = [await hears_hints(system), *[await system.listen_from_now() for _ in range(9)]]
    reads = sample("taskwire_batch_items_sum", lane="events")

    revision = await system.create()

    assert {(await one.all_of(revision))["revision"] for one in listeners} == {revision}
    assert sample("taskwire_batch_items_sum", lane="events") - reads == 1


async def test_a_user_without_a_stream_here_causes_no_read(system: System) -> None:
    listener = await hears_hints(system)
    reads = sample("taskwire_batch_items_sum", lane="events")
    unused = sample("taskwire_hints_received_total", result="unused")

    await system.create(user_id=uuid4())

    async def is_heard() -> bool:
        return sample("taskwire_hints_received_total", result="unused") > unused

    await eventually(is_heard)
    await listener.all_of(await system.create())
    assert sample("taskwire_batch_items_sum", lane="events") - reads == 1


@asynccontextmanager
async def dropped_hints(rabbitmq: Rabbitmq) -> AsyncIterator[None]:
    """The task-writer may publish no hint meanwhile."""
    await rabbitmq.control("set_permissions", WRITER, *WITHOUT_HINTS)
    try:
        yield
    finally:
        await rabbitmq.control("set_permissions", WRITER, *WITH_HINTS)


async def test_a_lost_hint_costs_the_time_of_a_check_and_no_change(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    async with dropped_hints(rabbitmq), running_system(addresses, rabbitmq, event_check_s=CHECK_S) as system:
        listener = await system.listen_from_now()
        sent, late = sample("taskwire_hints_total", result="sent"), []
        for _ in range(3):
            revision = await system.create()
            began = time.monotonic()
            await listener.all_of(revision)
            late.append(time.monotonic() - began)

    assert sample("taskwire_hints_total", result="sent") == sent
    assert max(late) < CHECK_S + SOON_S


async def test_a_gateway_that_finds_no_exchange_checks_and_hears_hints_once_there_is_one(
    addresses: Addresses, rabbitmq: Rabbitmq
) -> None:
    """As on a RabbitMQ where only task-writers of the release before have run."""
    async with AsyncExitStack() as opened:
        async with dropped_hints(rabbitmq):
            async with await connect_to(rabbitmq.url) as connection:
                await (await connection.channel()).exchange_delete(HINTS_NAME)
            running = running_system(addresses, rabbitmq, event_check_s=CHECK_S)
            system = await opened.enter_async_context(running)
            listener = await system.listen_from_now()
            await listener.all_of(await system.create())
            assert sample("taskwire_hints_connected") == 0
        listener.requests.close()

        await hears_hints(system)


async def test_what_changed_while_hints_were_not_heard_comes_once_they_are_again(
    addresses: Addresses, rabbitmq: Rabbitmq, system: System
) -> None:
    listener = await hears_hints(system)
    async with running_system(addresses, rabbitmq, event_check_s=SLOWLY) as other:
        await rabbitmq.control("close_all_user_connections", "gateway", "a test")
        revision = await other.create(user_id=system.user_id)

    assert (await listener.all_of(revision))["revision"] >= revision


async def test_heartbeats_come_while_nothing_happens(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    every_s, count = 2 * TICK_S, 6
    async with running_system(addresses, rabbitmq, event_heartbeat_s=every_s) as system:
        listener = await system.listen_from_now()
        began = time.monotonic()
        listening = asyncio.create_task(listener.rest())

        async def have_come() -> bool:
            return listener.comments >= count

        await eventually(have_come)
        took_s = time.monotonic() - began
        listener.requests.close()
        with suppress(asyncio.IncompleteReadError):
            await listening

    assert took_s > (count - 2) * every_s, "the first may come at once, the others no more often than they should"


async def test_a_user_has_a_limited_number_of_streams(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    async with running_system(addresses, rabbitmq, event_streams_per_user=2) as system:
        first, _ = [await system.listen_from_now() for _ in range(2)]
        refused = await system.gateway.ask("GET", f"/api/{system.user_id}/events")
        other = await system.listen(user_id=uuid4())
        first.requests.close()
        await has_streams(2)
        again = await system.listen()

    assert (refused.status, refused.json()["type"]) == (429, "urn:taskwire:problem:too-many-event-streams")
    assert int(refused.headers["retry-after"]) > 0
    assert (other.status, again.status) == (200, 200)


async def test_a_process_has_a_limited_number_of_streams(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    async with running_system(addresses, rabbitmq, event_streams_max=3) as system:
        first, *_ = [await system.listen(user_id=uuid4()) for _ in range(3)]
        refused = await system.gateway.ask("GET", f"/api/{uuid4()}/events")
        read = await system.gateway.ask("GET", f"/api/{uuid4()}/tasks")
        first.requests.close()
        await has_streams(2)
        again = await system.listen(user_id=uuid4())

    assert (refused.status, refused.json()["type"]) == (503, "urn:taskwire:problem:overloaded")
    assert int(refused.headers["retry-after"]) > 0
    assert (read.status, again.status) == (200, 200)


async def test_a_stream_that_could_not_be_opened_takes_no_place(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    with closed_port() as nobody:
        async with running_system(addresses, rabbitmq, reader_port=nobody, event_streams_per_user=1) as system:
            for query in ("", "?since=0"):
                refused = await system.gateway.ask("GET", f"/api/{system.user_id}/events{query}")
                assert (refused.status, refused.json()["type"]) == (503, "urn:taskwire:problem:unavailable")
            await has_streams(0)


async def test_streams_hold_no_place_of_requests_in_flight(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    async with running_system(addresses, rabbitmq, limits=HttpLimits(requests=2)) as system:
        for _ in range(5):
            await system.listen_from_now()

        answers = [await system.gateway.ask("GET", f"/api/{system.user_id}/tasks") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]


async def test_a_stream_counts_as_a_request_until_it_is_open(system: System) -> None:
    labels = {"method": "GET", "route": "/api/{user_id}/events", "status": "200"}
    count, seconds = (sample(f"taskwire_http_request_seconds_{part}", **labels) for part in ("count", "sum"))
    began = time.monotonic()
    listener = await hears_hints(system)
    opened = time.monotonic() - began
    listener.requests.close()
    await has_streams(0)

    assert sample("taskwire_http_request_seconds_count", **labels) == count + 1
    assert sample("taskwire_http_request_seconds_sum", **labels) - seconds < opened


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half-closed"])
async def test_a_client_that_goes_frees_its_place_at_once(system: System, half: bool) -> None:
    gone, stays = await system.listen_from_now(), await system.listen_from_now()
    await has_streams(2)

    if half:
        gone.requests.write_eof()
    else:
        gone.requests.transport.abort()

    await has_streams(1)
    await stays.all_of(await system.create())


async def test_a_client_that_does_not_read_is_held_one_event_and_then_told_where_the_user_is(
    addresses: Addresses, rabbitmq: Rabbitmq
) -> None:
    long = "x" * 2000
    async with running_system(addresses, rabbitmq, event_check_s=CHECK_S) as system:
        for number in range(150):
            await system.create(f"task {number}", description=long)
        slow = await system.listen_from_now(receive_bytes=16_384)
        quick = await system.listen_from_now()
        operations = [{"op": "complete", "id": task["id"]} for task in await tasks_of(system)]
        rounds = 40
        for _ in range(rounds):  # 13 MB, more than the buffers of the gateway's side hold
            revision = await batch(system, operations)
            await quick.all_of(revision)

        seen = 1
        while (event := await slow.next())[1]["revision"] < revision:
            seen += 1

    assert seen < rounds, "the slow one was told several changes by one event, or by a reset if they were too many"
    assert event[1]["revision"] == revision


async def test_a_client_that_never_reads_is_cut_off(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    limits = HttpLimits(answer_timeout_s=1.0)
    async with running_system(addresses, rabbitmq, limits=limits) as system:
        for number in range(50):
            await system.create(f"task {number}", description="x" * 2000)
        await system.listen_from_now()
        quick = await system.listen_from_now()
        operations = [{"op": "complete", "id": task["id"]} for task in await tasks_of(system)]

        async def is_cut_off() -> bool:
            await quick.all_of(await batch(system, operations))
            return open_streams() == 1

        await eventually(is_cut_off, within_s=60)


async def tasks_of(system: System) -> list[dict[str, str]]:
    tasks: list[dict[str, str]] = (await system.gateway.ask("GET", f"/api/{system.user_id}/tasks")).json()
    return tasks


async def batch(system: System, operations: list[dict[str, str]]) -> int:
    """The revision that the operations reach."""
    body = json.dumps({"operations": operations}).encode()
    path, headers = f"/api/{system.user_id}/batch", {"Content-Type": "application/json"}
    answer = await system.gateway.ask("POST", path, body=body, headers=headers)
    assert answer.status == httpx.codes.OK, answer.body
    return max(int(one["etag"].strip('"').partition("-")[2]) for one in answer.json()["results"])


async def test_a_stream_ends_when_its_token_expires(addresses: Addresses, rabbitmq: Rabbitmq, tmp_path: Path) -> None:
    issuer = Issuer()
    (tmp_path / "keys.json").write_text(json.dumps(issuer.key_set()))
    jwt: dict[str, Any] = {
        "auth_mode": "jwt",
        "auth_issuer": ISSUER,
        "auth_audience": AUDIENCE,
        "auth_jwks_file": tmp_path / "keys.json",
    }
    async with running_system(addresses, rabbitmq, **jwt) as system:
        short, long = (
            f"Authorization: Bearer {issuer.token('ES256', **claims(exp=int(time.time()) - CLOCK_SKEW_S + left_s))}\r\n"
            for left_s in (3, 300)
        )
        before = sample("taskwire_event_streams_ended_total", reason="expired")
        expiring = await system.listen(user_id=OWNER, headers=short)
        lasting = await system.listen(user_id=OWNER, headers=long)
        await asyncio.wait_for(expiring.rest(), LIMIT_S)

        assert sample("taskwire_event_streams_ended_total", reason="expired") == before + 1
        assert (await system.listen(user_id=OWNER, headers=short)).status == 401
        assert open_streams() == 1
        assert not lasting.answers.at_eof()


async def test_streams_outlive_a_task_reader_and_get_what_changed_meanwhile(
    addresses: Addresses, rabbitmq: Rabbitmq
) -> None:
    port = pick_port()
    given: dict[str, Any] = {"event_check_s": CHECK_S, "read_timeout_s": 1.0}
    async with running_system(addresses, rabbitmq, reader_port=port, **given) as system:
        async with reader_at(port, addresses):
            listener = await hears_hints(system)
        revision = await system.create()
        with pytest.raises(TimeoutError):
            await listener.next(within_s=2 * CHECK_S)
        async with reader_at(port, addresses):
            assert (await listener.all_of(revision))["revision"] == revision


@asynccontextmanager
async def reader_at(port: int, addresses: Addresses) -> AsyncIterator[None]:
    async with serving(reader_app(addresses), port=port):
        yield


@asynccontextmanager
async def gateway_process(port: int, reader_port: int, rabbitmq: Rabbitmq) -> AsyncIterator[asyncio.subprocess.Process]:
    """The `gateway` command; whoever has it ends it."""
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "READER_URL": f"http://127.0.0.1:{reader_port}",
        "RABBITMQ_URL": rabbitmq.user_urls[GATEWAY],
    }
    process = await asyncio.create_subprocess_exec(Path(sys.executable).parent / "gateway", env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_gateway_that_stops_ends_its_streams_at_once_and_says_when_to_come_again(
    addresses: Addresses, rabbitmq: Rabbitmq
) -> None:
    port = pick_port()
    async with (
        serving(reader_app(addresses)) as reader,
        gateway_process(port, reader.port, rabbitmq) as process,
        AsyncExitStack() as opened,
    ):
        system = System(Served(port), uuid4(), opened)
        await eventually(lambda: answers(system), within_s=60)
        listeners = [await system.listen_from_now(user_id=uuid4()) for _ in range(50)]

        process.terminate()
        async with asyncio.timeout(DRAIN_S + SOON_S):
            await asyncio.gather(*(listener.rest() for listener in listeners))
            status = await process.wait()

    assert status == -signal.SIGTERM
    assert all(len(listener.retries) == 2 for listener in listeners)
    assert len({listener.retries[1] for listener in listeners}) > 25, "not all come again at once"


async def answers(system: System) -> bool:
    try:
        return (await system.gateway.ask("GET", f"/api/{system.user_id}/tasks")).status == httpx.codes.OK
    except OSError:
        return False
