"""The gateway reopens its bus session until that works, whatever the cause, and readiness shows the cause."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from common.bus.broker import connect_to
from gateway.bus_link import BusLink, open_bus_link
from gateway.bus_session import NotSent
from gateway.settings import GatewaySettings
from local_stack.rabbitmq import Rabbitmq, running_rabbitmq
from local_stack.rabbitmq_users import SERVICE_USERS
from local_stack.state import State
from pydantic import HttpUrl, SecretStr

from faults.alarms import alarm
from faults.injuries import frozen
from tests.commands import create, plain
from tests.ports import closed_port, silent_port
from tests.waiting import eventually

GATEWAY = SERVICE_USERS[0]
LIMIT_S = 30.0
NOTICED_WITHIN_S = 12.0  # 6 to 8 s, and more on a busy machine; aiormq by itself waits for 18
CLOSE_ALL = ("close_all_connections", "an operator's order")


@pytest.fixture(scope="module")
async def node(node_state: State) -> AsyncIterator[Rabbitmq]:
    async with running_rabbitmq(node_state) as running:
        yield running


@asynccontextmanager
async def gateway_link(url: str) -> AsyncIterator[BusLink]:
    settings = GatewaySettings(
        rabbitmq_url=SecretStr(url),
        reader_url=HttpUrl("http://unused"),
        port=0,
        bus_start_timeout_s=0.01,
    )
    async with open_bus_link(settings) as link:
        yield link


async def is_up(link: BusLink) -> None:
    await asyncio.wait_for(link.usable(), LIMIT_S)
    assert (link.refusal, link.component.state, link.component.reason) == (None, "up", None)


async def is_down(link: BusLink, *, saying: str) -> None:
    async def says_so() -> bool:
        return link.refusal is not None and saying in (link.component.reason or "")

    await eventually(says_so, within_s=LIMIT_S)
    assert link.component.state == "down"


async def is_lost(node: Rabbitmq, link: BusLink, caplog: pytest.LogCaptureFixture) -> None:
    """An operator closes its connection. It may be replaced before the operator's command has ended."""
    await is_up(link)
    known = caplog.text.count(CLOSE_ALL[1])
    await node.control(*CLOSE_ALL)

    async def is_said() -> bool:
        return caplog.text.count(CLOSE_ALL[1]) > known

    await eventually(is_said, within_s=LIMIT_S)


async def has_connections(node: Rabbitmq, count: int) -> None:
    """RabbitMQ lists those that were closed a moment longer."""

    async def are_listed() -> bool:
        listed = await node.control("list_connections", "--quiet", "--no-table-headers", "user", "client_properties")
        return sum(line.startswith(GATEWAY) for line in listed.splitlines()) == count

    await eventually(are_listed, within_s=LIMIT_S)


async def allow(node: Rabbitmq, *, write: str) -> None:
    await node.control("set_permissions", GATEWAY, "^$", write, "^$")


ALL_THAT_IT_NEEDS = r"^(amq\.default|tasks\.(commands|dead-letters))$"


async def test_rights_that_come_late_open_it(node: Rabbitmq) -> None:
    await allow(node, write="^$")
    async with gateway_link(node.user_urls[GATEWAY]) as link:
        await is_down(link, saying="access to exchange")

        await allow(node, write=ALL_THAT_IT_NEEDS)

        await is_up(link)
        await has_connections(node, 1)


async def test_rights_that_are_taken_away_close_it_and_given_back_open_it(node: Rabbitmq) -> None:
    async with gateway_link(node.user_urls[GATEWAY]) as link:
        await is_up(link)
        await node.control("clear_permissions", GATEWAY)
        await node.control(*CLOSE_ALL)
        await is_down(link, saying="RabbitMQ")

        await allow(node, write=ALL_THAT_IT_NEEDS)

        await is_up(link)


async def test_a_connection_that_an_operator_closes_is_replaced_by_one(
    node: Rabbitmq, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway_link(node.user_urls[GATEWAY]) as link:
        for _ in range(3):
            await is_lost(node, link, caplog)
        await is_up(link)

        await has_connections(node, 1)

    await has_connections(node, 0)


async def test_a_password_that_is_set_late_opens_it_and_none_is_shown(node: Rabbitmq) -> None:
    password = node.user_urls[GATEWAY].partition(f"{GATEWAY}:")[2].partition("@")[0]
    await node.control("change_password", GATEWAY, "another-password")
    async with gateway_link(node.user_urls[GATEWAY]) as link:
        await is_down(link, saying="ACCESS_REFUSED")
        assert password not in (link.component.reason or "")

        await node.control("change_password", GATEWAY, password)

        await is_up(link)


async def test_a_virtual_host_that_is_made_late_opens_it_and_the_log_says_once_that_it_is_missing(
    node: Rabbitmq, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway_link(f"{node.user_urls[GATEWAY]}late") as link:
        await is_down(link, saying="does not open the virtual host")
        refused = await refusals(node, "late")

        async def is_tried_again() -> bool:
            return await refusals(node, "late") > refused + 1

        await eventually(is_tried_again, within_s=LIMIT_S)
        assert caplog.text.count("the bus is down") == 1

        await node.control("add_vhost", "late")
        await node.control("set_permissions", "--vhost", "late", GATEWAY, "^$", ALL_THAT_IT_NEEDS, "^$")

        await is_up(link)
    await node.control("delete_vhost", "late")


async def refusals(node: Rabbitmq, virtual_host: str) -> int:
    """How often RabbitMQ has refused to open it, by its log."""
    return (node.directory / "rabbitmq.log").read_text(errors="replace").count(f"vhost {virtual_host} not found")


async def test_an_alarm_that_is_on_when_it_is_opened_is_waited_for(node: Rabbitmq) -> None:
    async with alarm(node, "memory"), gateway_link(node.user_urls[GATEWAY]) as link:
        await is_down(link, saying="memory or disk")
        assert link.refusal == "The message bus accepts no messages at the moment."

    async with gateway_link(node.user_urls[GATEWAY]) as link:
        await is_up(link)


async def test_a_link_that_was_opened_during_an_alarm_is_usable_once_that_is_over(node: Rabbitmq) -> None:
    async with AsyncExitStack() as stack:
        async with alarm(node, "memory"):
            link = await stack.enter_async_context(gateway_link(node.user_urls[GATEWAY]))
            await is_down(link, saying="memory or disk")
            await has_connections(node, 1)

        await is_up(link)

        await has_connections(node, 1)
        with pytest.raises(NotSent, match="did not accept"):  # there is no command queue
            await link.ask([plain(create())], LIMIT_S)


async def test_a_link_that_was_closed_is_not_usable(node: Rabbitmq) -> None:
    async with gateway_link(node.user_urls[GATEWAY]) as link:
        await is_up(link)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(link.usable(), 0.01)
    with pytest.raises(NotSent, match="not available"):
        await link.ask([plain(create())], LIMIT_S)


async def test_a_rabbitmq_that_is_started_later_opens_it(node: Rabbitmq) -> None:
    await node.stop()
    async with gateway_link(node.user_urls[GATEWAY]) as link:
        await is_down(link, saying="RabbitMQ cannot be used: AMQPConnectionError")

        await node.start()
        await node.wait_ready()

        await is_up(link)


async def test_the_node_that_works_is_found_among_one_that_is_closed_and_one_that_is_silent(node: Rabbitmq) -> None:
    url = node.user_urls[GATEWAY]
    with closed_port() as nobody, silent_port() as silent:
        others = [url.replace(f":{node.port}/", f":{port}/") for port in (nobody, silent)]
        async with gateway_link(",".join([*others, url])) as link:
            await is_up(link)


async def test_a_frozen_node_counts_as_lost_after_two_heartbeats_that_do_not_come(node: Rabbitmq) -> None:
    async with gateway_link(node.user_urls[GATEWAY]) as link:
        await is_up(link)

        with frozen(node.process):
            async with asyncio.timeout(NOTICED_WITHIN_S):
                await link.refusing()

        await is_up(link)


async def test_a_connection_is_closed_also_when_rabbitmq_does_not_answer(node: Rabbitmq) -> None:
    connection = await connect_to(node.url)

    with frozen(node.process):
        await connection.end()

        assert connection.is_closed
