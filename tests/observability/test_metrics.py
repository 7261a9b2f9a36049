"""The metrics count what happens."""

import asyncio
from urllib.parse import urlsplit
from uuid import uuid4

import aio_pika
import httpx
import pytest
from common.bus.broker import connect_to
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME
from local_stack.stack import Stack

from tests.waiting import eventually

from .scraping import Scraped, scrape

TASKS = "/api/{user_id}/tasks"
TASK = "/api/{user_id}/tasks/{task_id}"
REQUESTS = "taskwire_http_request_seconds_count"
AT_ONCE = 40
SOME_ID = "9b2f1c7e-3d5a-4e8b-a6c4-0f1d2e3b4a5c"  # always the same, so that a test has the same name in each process


async def ask(stack: Stack, method: str, path: str, **given: object) -> httpx.Response:
    async with httpx.AsyncClient(base_url=stack.addresses.gateway_url, timeout=10) as client:
        return await client.request(method, path, **given)  # type: ignore[arg-type]


async def of_gateway(stack: Stack) -> Scraped:
    return await scrape(stack.addresses.gateway_admin_url)


async def of_writer(stack: Stack) -> Scraped:
    return await scrape(stack.addresses.task_writer_admin_url)


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", f"/api/{SOME_ID}/tasks", {"method": "GET", "route": TASKS, "status": "200"}),
        ("GET", f"/api/{SOME_ID}/tasks/{SOME_ID}", {"method": "GET", "route": TASK, "status": "404"}),
        ("GET", "/api/nobody/tasks", {"method": "GET", "route": TASKS, "status": "400"}),
        ("POST", f"/api/{SOME_ID}/tasks", {"method": "POST", "route": TASKS, "status": "400"}),
        ("PROPFIND", f"/api/{SOME_ID}/tasks", {"method": "other", "route": TASKS, "status": "405"}),
        ("GET", f"/{SOME_ID}", {"method": "GET", "route": "none", "status": "404"}),
    ],
)
async def test_a_request_is_counted_by_its_routes_template(
    stack: Stack, method: str, path: str, labels: dict[str, str]
) -> None:
    before = await of_gateway(stack)

    await ask(stack, method, path)

    after = await of_gateway(stack)
    assert after.sum(REQUESTS, **labels) == before.sum(REQUESTS, **labels) + 1
    assert after.sum(REQUESTS) == before.sum(REQUESTS) + 1


async def test_strange_paths_and_methods_make_no_new_series(stack: Stack) -> None:
    async def series() -> set[frozenset[tuple[str, str]]]:
        scraped = await of_gateway(stack)
        return {frozenset(labels.items()) for name, labels, _ in scraped.samples if name == REQUESTS}

    await ask(stack, "LINK", "/strange")
    await ask(stack, "GET", "/strange")
    before = await series()

    for number, method in enumerate(["GET", "PURGE", "MOVE", "LOCK", "GET", "SEARCH"]):
        await ask(stack, method, f"/strange/{number}")

    assert await series() == before


async def test_writes_are_counted_in_every_part_that_they_pass(stack: Stack) -> None:
    gateway, writer = await of_gateway(stack), await of_writer(stack)

    made = await asyncio.gather(
        *(ask(stack, "POST", f"/api/{uuid4()}/tasks", json={"title": "Buy milk"}) for _ in range(AT_ONCE))
    )

    assert {answer.status_code for answer in made} == {201}

    async def all_are_counted() -> bool:  # the writer counts outcomes once it has answered
        commands = "taskwire_commands_total"
        return (await of_writer(stack)).sum(commands) - writer.sum(commands) >= AT_ONCE

    await eventually(all_are_counted)
    gateway_then, writer_then = await of_gateway(stack), await of_writer(stack)
    batches = gateway_then.sum("taskwire_batch_items_count", lane="commands") - gateway.sum(
        "taskwire_batch_items_count", lane="commands"
    )
    assert 1 <= batches <= AT_ONCE
    for scraped, earlier, name, labels, grown in [
        (gateway_then, gateway, "taskwire_batch_items_sum", {"lane": "commands"}, AT_ONCE),
        (gateway_then, gateway, "taskwire_batch_seconds_count", {"lane": "commands"}, batches),
        (writer_then, writer, "taskwire_commands_total", {"type": "create_task", "outcome": "done"}, AT_ONCE),
        (writer_then, writer, "taskwire_writer_batch_commands_sum", {}, AT_ONCE),
        (writer_then, writer, "taskwire_queue_seconds_count", {}, batches),
    ]:
        assert scraped.sum(name, **labels) - earlier.sum(name, **labels) == grown, name
    of_database = "taskwire_database_seconds_count"  # a clean-up of the command log may come in between
    assert writer_then.sum(of_database) - writer.sum(of_database) >= batches


async def test_bytes_that_are_no_http_are_counted(stack: Stack) -> None:
    refused = "taskwire_http_requests_refused_total"
    before = await of_gateway(stack)
    gateway = urlsplit(stack.addresses.gateway_url)

    answers, requests = await asyncio.open_connection(gateway.hostname, gateway.port)
    requests.write(b"GARBAGE\r\n\r\n")
    async with asyncio.timeout(10):
        await answers.read()
    requests.close()

    after = await of_gateway(stack)
    assert after.sum(refused, reason="malformed-request") == before.sum(refused, reason="malformed-request") + 1
    assert after.sum(REQUESTS) == before.sum(REQUESTS)


async def test_a_repeat_of_a_key_is_counted_as_answered_from_the_log(stack: Stack) -> None:
    before = await of_writer(stack)
    path, headers = f"/api/{uuid4()}/tasks", {"Idempotency-Key": "again"}

    for _ in range(3):
        await ask(stack, "POST", path, json={"title": "Buy milk"}, headers=headers)

    assert (await of_writer(stack)).sum("taskwire_repeats_total") == before.sum("taskwire_repeats_total") + 2


async def test_reads_are_counted_by_lane(stack: Stack) -> None:
    before = await of_gateway(stack)

    await ask(stack, "GET", f"/api/{uuid4()}/tasks")

    after = await of_gateway(stack)
    assert (
        after.sum("taskwire_batch_items_sum", lane="lists") == before.sum("taskwire_batch_items_sum", lane="lists") + 1
    )


async def test_a_message_that_cannot_be_read_is_counted_and_seen_in_its_queue(stack: Stack) -> None:
    before = await of_writer(stack)
    async with await connect_to(stack.addresses.rabbitmq_url) as connection:
        channel = await connection.channel()
        await channel.default_exchange.publish(aio_pika.Message(b"no batch"), COMMANDS_NAME)

        async def counted() -> bool:
            name = "taskwire_dead_letters_total"
            return (await of_writer(stack)).sum(name, reason="malformed") == before.sum(name, reason="malformed") + 1

        async def waiting() -> float:
            return (await of_gateway(stack)).sum("taskwire_queue_messages", queue=DEAD_LETTERS_NAME)

        async def seen() -> bool:
            return await waiting() >= 1

        async def gone() -> bool:
            return await waiting() == 0

        await eventually(counted)
        await eventually(seen)
        await (await channel.declare_queue(DEAD_LETTERS_NAME, passive=True)).purge()
        await eventually(gone)  # from where the status page of this system looks, too


async def test_the_gateway_sees_whether_anybody_takes_commands(stack: Stack) -> None:
    async def seen() -> bool:
        return (await of_gateway(stack)).sum("taskwire_queue_consumers", queue=COMMANDS_NAME) == 1

    await eventually(seen)


async def test_each_service_says_what_it_is_and_which_parts_it_has(stack: Stack) -> None:
    known = stack.addresses
    for service, url, components in [
        ("gateway", known.gateway_admin_url, {"task_reader", "bus"}),
        ("task-reader", known.task_reader_admin_url, {"database"}),
        ("task-writer", known.task_writer_admin_url, {"database", "commands", "replies", "dead_letters"}),
    ]:
        scraped = await scrape(url)
        named = {labels["component"] for name, labels, _ in scraped.samples if name == "taskwire_component_up"}

        assert scraped.sum("taskwire_build_info", service=service) == 1
        assert named == components
