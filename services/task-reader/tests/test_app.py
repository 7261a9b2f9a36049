"""The task-reader starts without a database, and answers each request with a problem."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any
from uuid import uuid4

import pytest
from common.contracts.reads import MAX_READS_PER_BATCH, Read, ReadBatch, largest_page
from common.http.request_ids import MAX_CHARACTERS
from pydantic import SecretStr, ValidationError
from task_reader.app import create_app, main
from task_reader.routes import MAX_BATCH_BYTES
from task_reader.settings import ReaderSettings

from tests.ports import closed_port
from tests.serving import Served, serving

USER = "/api/7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"
TASKS = f"{USER}/tasks"
TASK = f"{TASKS}/0d4f2c1a-9f6e-4a53-8c0b-5a2f2b7f3d10"
BATCH = b'{"reads": [{"user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "task_id": null}]}'
PASSWORD = "p4ssw0rd"  # noqa: S105 - of no server
POOL_TIMEOUT_S = 0.1
SECRET = "a-secret-of-gateways-and-readers-alone"  # noqa: S105


@asynccontextmanager
async def lonely_reader(**given: Any) -> AsyncIterator[Served]:
    """The whole task-reader, without a database."""
    with closed_port() as nobody:
        url = SecretStr(f"postgresql://taskwire_reader:{PASSWORD}@127.0.0.1:{nobody}/taskwire")
        settings = ReaderSettings(**({"port": 0, "pool_timeout_s": POOL_TIMEOUT_S} | given), reader_database_url=url)
        async with serving(create_app(settings)) as reader:
            yield reader


@pytest.fixture(scope="module")
async def guarded() -> AsyncIterator[Served]:
    """A reader that serves gateways alone."""
    async with lonely_reader(reader_token=SecretStr(SECRET)) as served:
        yield served


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[Served]:
    async with lonely_reader() as served:
        yield served


async def test_it_says_what_it_knows_of_its_database(reader: Served) -> None:
    await reader.ask("GET", TASKS)

    answer = await reader.ask("GET", "/status")

    assert (answer.status, answer.json()) == (200, {"database": "down", "is_late": False, "replicas": []})


async def test_it_says_so_to_gateways_alone(guarded: Served) -> None:
    refused = await guarded.ask("GET", "/status")
    answered = await guarded.ask("GET", "/status", headers={"Authorization": f"Bearer {SECRET}"})

    assert (refused.status, answered.status) == (401, 200)


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", TASKS, None), ("GET", TASK, None), ("POST", "/reads", BATCH)]
)
async def test_reads_are_503_while_the_database_is_absent(
    reader: Served, method: str, path: str, body: bytes | None
) -> None:
    answer = await reader.ask(method, path, body=body)

    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(("bytes_more", "status"), [(0, 503), (1, 413)])
async def test_a_batch_has_the_size_of_as_many_reads_as_may_share_it(
    reader: Served, bytes_more: int, status: int
) -> None:
    batch = ReadBatch(reads=[Read(user_id=uuid4(), task_id=uuid4())] * MAX_READS_PER_BATCH).model_dump_json().encode()

    answer = await reader.ask("POST", "/reads", body=batch.ljust(MAX_BATCH_BYTES + bytes_more))

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_the_largest_reads_fill_a_batch_and_are_taken(reader: Served) -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    longest = "".join(chr(code) for code in (34, 92)) * (MAX_CHARACTERS // 2)  # each is two bytes in JSON
    largest = {"page": largest_page(), "known_revision": 2**63 - 1, "since": 2**63 - 1, "min_revision": 2**63 - 1}
    read = Read(user_id=uuid4(), task_id=uuid4(), request_id=longest, traceparent=traceparent, **largest)
    batch = ReadBatch(reads=[read] * MAX_READS_PER_BATCH).model_dump_json().encode()

    answer = await reader.ask("POST", "/reads", body=batch)

    assert (answer.status, MAX_BATCH_BYTES - 64 <= len(batch) <= MAX_BATCH_BYTES) == (503, True)


@pytest.mark.parametrize(("coding", "status"), [("gzip", 415), ("br, identity", 415), ("identity", 503)])
async def test_a_coded_batch_is_415(reader: Served, coding: str, status: int) -> None:
    answer = await reader.ask("POST", "/reads", body=BATCH, headers={"Content-Encoding": coding})

    assert (answer.status, answer.headers.get("accept-encoding")) == (status, "identity" if status == 415 else None)


async def test_a_read_waits_for_the_database_no_longer_than_the_pools_timeout(reader: Served) -> None:
    began = time.monotonic()

    await reader.ask("GET", TASK)

    assert time.monotonic() - began < POOL_TIMEOUT_S + 1


async def test_more_reads_than_may_wait_are_refused_while_one_waits_on() -> None:
    async with lonely_reader(pool_timeout_s=2, pool_max_waiting=1, allow_rls_bypass=True) as reader:
        reads = [asyncio.create_task(reader.ask("GET", TASK)) for _ in range(5)]
        for refused in islice(asyncio.as_completed(reads), 4):
            await refused
        waits_on = [read for read in reads if not read.done()]
        answers = await asyncio.gather(*reads)

    assert len(waits_on) == 1
    assert {answer.status for answer in answers} == {503}


async def test_a_503_reveals_no_internals(reader: Served) -> None:
    answer = await reader.ask("GET", TASK)

    body = answer.body.decode().lower()
    assert not [word for word in (PASSWORD, "psycopg", "pool", "127.0.0.1", "taskwire_reader") if word in body]


@pytest.mark.parametrize(
    "bad",
    [
        "1",
        "me",
        "7f1b5f0e3c1a4f7e9d550c8a4f6b2e11",
        "{7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11}",
        "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e1g",
        "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11%0a",
        "'%20or%20true--",
    ],
)
@pytest.mark.parametrize("path", ["/api/{}/tasks", "/api/{}/tasks/0d4f2c1a-9f6e-4a53-8c0b-5a2f2b7f3d10", TASKS + "/{}"])
async def test_an_id_that_is_no_uuid_is_400(reader: Served, path: str, bad: str) -> None:
    answer = await reader.ask("GET", path.format(bad))

    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["type"] == "urn:taskwire:problem:invalid-id"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}",
        b'{"reads": []}',
        b'{"reads": [{}]}',
        b'{"reads": [{"user_id": "me"}]}',
        b'{"reads": [{"user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "task_id": "1"}]}',
        b'{"reads": [' + b",".join([b'{"user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"}'] * 1025) + b"]}",
    ],
    ids=lambda body: repr(body[:60]),
)
async def test_a_batch_that_cannot_be_read_is_400(reader: Served, body: bytes) -> None:
    answer = await reader.ask("POST", "/reads", body=body)

    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", f"{TASKS}/", f"{TASK}/complete", f"{USER}"])
async def test_any_other_path_is_404(reader: Served, path: str) -> None:
    answer = await reader.ask("GET", path)

    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


ALLOWED = [(TASKS, "GET, HEAD, OPTIONS"), (TASK, "GET, HEAD, OPTIONS"), ("/reads", "OPTIONS, POST")]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize(("path", "allowed"), ALLOWED)
async def test_any_other_method_is_405(reader: Served, method: str, path: str, allowed: str) -> None:
    answer = await reader.ask(method, path)

    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "allowed"), ALLOWED)
async def test_options_are_204(reader: Served, path: str, allowed: str) -> None:
    answer = await reader.ask("OPTIONS", path)

    assert (answer.status, answer.headers["allow"]) == (204, allowed)


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any variable that the task-reader reads."""
    for name in ReaderSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.usefixtures("no_environment")
def test_started_without_its_settings_the_command_names_them_and_exits_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main()

    lines = capsys.readouterr().err.splitlines()
    assert exit_info.value.code == 2
    assert {line.partition(":")[0] for line in lines[:-1]} == {"PORT", "READER_DATABASE_URL"}


def test_no_password_is_printed_with_another_fault(
    no_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_environment.setenv("READER_DATABASE_URL", f"postgresql://taskwire_reader:{PASSWORD}@db/taskwire")
    no_environment.setenv("POOL_SIZE", "0")

    with pytest.raises(SystemExit):
        main()

    printed = capsys.readouterr().err
    assert ("POOL_SIZE: " in printed, PASSWORD in printed) == (True, False)


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", TASKS, None), ("GET", TASK, None), ("POST", "/reads", BATCH)]
)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x", f"Basic {SECRET}", SECRET, "Bearer \xff"],
)
async def test_with_a_secret_nobody_is_served_who_does_not_have_it(
    guarded: Served, method: str, path: str, body: bytes | None, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = await guarded.ask(method, path, body=body, headers=headers)

    assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == 'Bearer realm="task-reader"'


async def test_with_a_secret_who_has_it_is_served(guarded: Served) -> None:
    answer = await guarded.ask("POST", "/reads", body=BATCH, headers={"Authorization": f"Bearer {SECRET}"})

    assert answer.status == 503  # as without a database


@pytest.mark.parametrize("secret", ["short", "x" * 31, "with space" * 4, "ä" * 40])
def test_a_secret_that_is_weak_or_does_not_travel_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError, match="32 or more visible ASCII characters"):
        ReaderSettings(port=0, reader_database_url=SecretStr("postgresql://a@b/c"), reader_token=SecretStr(secret))
