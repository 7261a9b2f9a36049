"""A task-reader whose replica is too far behind refuses reads and is not ready: a real standby, paused or cut off."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from gateway.reader_statuses import look_at_databases
from gateway.settings import GatewaySettings
from local_stack.ports import pick_port
from local_stack.postgres import find_programs
from pydantic import HttpUrl, SecretStr
from task_reader import replication
from task_reader.app import create_app
from task_reader.settings import ReaderSettings

from tests.browser import NEEDS_CHROMIUM, running_browser
from tests.commands import create, replace
from tests.integration.debian_servers import debian_postgres
from tests.integration.replicated_reads import Replicated, gateway_before, running_replicated, titles
from tests.serving import Answer, Served, serving
from tests.standby import Standby, one
from tests.waiting import eventually

MAX_LAG_S = 0.6
MISSES = "select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"


def supported() -> list[Path]:
    """The programs of each PostgreSQL that is here."""
    debian = debian_postgres()
    return list(dict.fromkeys([find_programs(), *([] if debian is None else [debian.parent])]))


@pytest.fixture(scope="module", params=supported(), ids=str)
async def replicated(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Replicated]:
    async with running_replicated(tmp_path_factory.mktemp("lag"), request.param) as system:
        yield system


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "FIRST_LOOK_S", 0.05)
    monkeypatch.setattr(replication, "REPLICA_EVERY_S", 0.05)


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[tuple[Served, Any]]:
    """A task-reader of this database, and its app."""
    app = create_app(ReaderSettings(reader_database_url=SecretStr(url), port=0, replica_max_lag_s=MAX_LAG_S))
    async with serving(app) as reader:
        await eventually(lambda: seen(app))
        yield reader, app


def gateway_settings(reader: Served, **given: Any) -> GatewaySettings:
    """Those of a gateway before this task-reader."""
    url = HttpUrl(f"http://127.0.0.1:{reader.port}")
    return GatewaySettings(port=0, reader_url=url, rabbitmq_url=SecretStr("amqp://unused"), **given)


async def seen(app: Any) -> bool:
    """Whether the database was looked at."""
    return bool(app.state.replication.component.state != "unknown")


async def a_task(replicated: Replicated) -> tuple[str, Any]:
    """The path of a task's list that the standby has, and the change that it does not have yet."""
    made = create(title="old")
    await replicated.write(made)
    await replicated.standby.caught_up()
    return f"/api/{made.user_id}/tasks", replace(made.user_id, made.task_id, title="new")


async def becomes(reader: Served, path: str, status: int) -> Answer:
    """The first answer of this status: on a busy machine the replica may be late again with the next one."""
    answers: list[Answer] = []

    async def is_so() -> bool:
        answers.append(await reader.ask("GET", path))
        return answers[-1].status == status

    await eventually(is_so)
    return answers[-1]


async def stays_up(reader: Served, path: str, standby: Standby) -> None:
    """Fails unless each answer is 200 for three times the limit, for as long as the standby misses nothing: a primary
    writes WAL by itself too, such as its running transactions every 15 s."""
    until = monotonic() + 3 * MAX_LAG_S

    async def is_over() -> bool:
        assert (await reader.ask("GET", path)).status == httpx.codes.OK or await one(standby.superuser_url, MISSES)
        return monotonic() > until

    await eventually(is_over)


async def test_an_idle_primary_is_no_lag(replicated: Replicated) -> None:
    path, _ = await a_task(replicated)

    async with reading(replicated.standby.at(replicated.addresses.reader)) as (reader, app):
        await stays_up(reader, path, replicated.standby)

        assert app.state.replication.lag_s == 0.0
        assert await app.state.health.look() == (True, {"database": "up", "replication": "up"})


async def test_a_primary_is_never_late(replicated: Replicated) -> None:
    async with reading(replicated.addresses.reader) as (_, app):
        assert app.state.replication.lag_s == 0.0


async def test_a_replica_that_does_not_replay_is_refused_until_it_does(replicated: Replicated) -> None:
    path, change = await a_task(replicated)

    async with reading(replicated.standby.at(replicated.addresses.reader)) as (reader, app):
        await replicated.standby.pause()
        await stays_up(reader, path, replicated.standby)  # there is nothing that it misses
        await replicated.write(change)
        await becomes(reader, path, 503)
        refused = await reader.ask("GET", path)
        ready, components = await app.state.health.look()
        reason = app.state.health.reasons()["replication"]
        await replicated.standby.resume()
        await becomes(reader, path, 200)

    assert (refused.headers["content-type"], refused.headers["replica-late"]) == ("application/problem+json", "true")
    assert int(refused.headers["retry-after"]) >= 1
    assert (ready, components) == (False, {"database": "up", "replication": "down"})
    assert reason.endswith("s behind, more than 0.6 s")


async def test_the_status_page_sees_a_replica_and_that_it_is_late(replicated: Replicated) -> None:
    path, change = await a_task(replicated)

    async with (
        reading(replicated.standby.at(replicated.addresses.reader)) as (reader, _),
        replicated.primary_reader() as other,
    ):
        settings = gateway_settings(reader, reader_primary_url=HttpUrl(f"http://127.0.0.1:{other.port}"))
        fresh = await look_at_databases(settings)
        await replicated.standby.pause()
        await replicated.write(change)
        await becomes(reader, path, 503)
        late = await look_at_databases(settings)
        await replicated.standby.resume()
        await becomes(reader, path, 200)

    assert (fresh.state, fresh.readers, fresh.is_late, set(fresh.lags_s.values())) == ("up", 2, False, {0.0})
    ((name, lag_s),) = late.lags_s.items()
    assert (late.state, late.is_late, name in fresh.lags_s) == ("up", True, True)
    assert lag_s is not None
    assert lag_s > MAX_LAG_S


@NEEDS_CHROMIUM
async def test_the_status_page_shows_the_lag_of_a_replica(replicated: Replicated, tmp_path: Path) -> None:
    path, change = await a_task(replicated)
    admin_port = pick_port()
    replica = "document.querySelector('[data-component=replicas]')"

    async with (
        reading(replicated.standby.at(replicated.addresses.reader)) as (reader, _),
        gateway_before(reader, admin_port=admin_port),
        running_browser(tmp_path / "chromium") as browser,
        browser.visitor() as visitor,
    ):
        page = await browser.open(f"http://127.0.0.1:{admin_port}/", visitor)
        await page.shows(f"{replica}.dataset.state === 'up'")
        before = await page.evaluate(f"{replica}.querySelector('span').textContent")
        await replicated.standby.pause()
        await replicated.write(change)
        await becomes(reader, path, 503)
        await page.shows(f"{replica}.dataset.state === 'down'")
        late = await page.evaluate(f"{replica}.querySelector('span').textContent")
        await replicated.standby.resume()
        await page.shows(f"{replica}.dataset.state === 'up'")

    assert before == "up to date"
    assert re.fullmatch(r"\d+\.\d s behind", late)
    assert page.complaints == []


async def test_a_replica_that_is_cut_off_is_refused_until_it_is_back(replicated: Replicated) -> None:
    path, change = await a_task(replicated)

    async with reading(replicated.standby.at(replicated.addresses.reader)) as (reader, _):
        await replicated.standby.cut_off()
        await replicated.write(change)
        await becomes(reader, path, 503)
        replicated.standby.reconnect()
        await replicated.standby.caught_up()

        assert titles(await becomes(reader, path, 200)) == ["new"]


async def test_a_primary_that_sends_nothing_any_more_is_noticed_by_wal_receiver_timeout(
    replicated: Replicated,
) -> None:
    path, _ = await a_task(replicated)

    async with reading(replicated.standby.at(replicated.addresses.reader)) as (reader, _):
        replicated.standby.line.swallow()
        await becomes(reader, path, 503)
        replicated.standby.line.spit_out()
        await becomes(reader, path, 200)


async def test_a_gateway_asks_the_primarys_reader_instead_and_without_one_answers_503(replicated: Replicated) -> None:
    path, change = await a_task(replicated)
    await replicated.standby.cut_off()
    await replicated.write(change)

    async with (
        reading(replicated.standby.at(replicated.addresses.reader)) as (reader, _),
        reading(replicated.addresses.reader) as (on_primary, _),
        gateway_before(reader) as alone,
        gateway_before(reader, primary=on_primary) as both,
    ):
        await becomes(reader, path, 503)
        answers = [await gateway.ask("GET", path) for gateway in (alone, both)]
        replicated.standby.reconnect()
        await becomes(alone, path, 200)

    assert [answer.status for answer in answers] == [503, 200]
    assert titles(answers[1]) == ["new"]
