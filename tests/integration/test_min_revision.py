"""A read that names a revision is never answered with anything older: on a primary, and on a standby that is paused."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from time import monotonic
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest

from tests.commands import create, delete, replace
from tests.integration.listening import System
from tests.integration.replicated_reads import Replicated, gateway_before, paths_of, running_replicated, titles
from tests.ports import closed_port
from tests.serving import Served

KINDS = ("task", "list", "page", "search", "changes", "all changes")
READ_TIMEOUT_S = 0.6  # where a read waits for nothing; a busy machine may need longer for one that is answered
PATIENCE_S = 10.0
FUTURE = 2**62
CHECK_S = 0.5  # no hints: there is no RabbitMQ


@pytest.fixture(scope="module")
async def replicated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replicated]:
    async with running_replicated(tmp_path_factory.mktemp("replicated")) as system:
        yield system


@pytest.fixture(scope="module")
async def replica(replicated: Replicated) -> AsyncIterator[Served]:
    """A gateway whose only task-reader reads the standby."""
    async with replicated.replica_reader() as reader, gateway_before(reader, read_timeout_s=PATIENCE_S) as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def hasty(replicated: Replicated) -> AsyncIterator[Served]:
    """The same, for reads that it gives up."""
    async with replicated.replica_reader() as reader, gateway_before(reader, read_timeout_s=READ_TIMEOUT_S) as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def primary(replicated: Replicated) -> AsyncIterator[Served]:
    """A gateway whose only task-reader reads the primary."""
    async with replicated.primary_reader() as reader, gateway_before(reader) as gateway:
        yield gateway


class Behind(NamedTuple):
    """A user whose task was called `old` when the standby stopped, and is called `title` since the revision `now`."""

    user: UUID
    task: UUID
    then: int
    now: int

    def path(self, kind: str) -> str:
        return paths_of(self.user, self.task, self.then)[kind]


@pytest.fixture
async def behind(replicated: Replicated) -> AsyncIterator[Behind]:
    """The standby resumes at the end."""
    made = create(title="old")
    then = await replicated.write(made)
    await replicated.standby.caught_up()
    await replicated.standby.pause()
    now = await replicated.write(replace(made.user_id, made.task_id, title="title"))
    yield Behind(made.user_id, made.task_id, then, now)
    await replicated.standby.resume()


@pytest.mark.parametrize("spelled", ["{}", '"{}"', '"1-{}"', 'W/"1-{}"', '"27-{}"'])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_replica_that_has_reached_the_revision_answers(
    replicated: Replicated, replica: Served, kind: str, spelled: str
) -> None:
    made = create(title="title")
    since = await replicated.write(create(made.user_id, title="other"))
    named = await replicated.write(made)
    await replicated.standby.caught_up()

    answer = await replica.ask(
        "GET", paths_of(made.user_id, made.task_id, since)[kind], headers={"Min-Revision": spelled.format(named)}
    )

    assert (answer.status, titles(answer)[0]) == (200, "title")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_replica_that_has_not_is_503_within_the_limit(behind: Behind, hasty: Served, kind: str) -> None:
    began = monotonic()

    answer = await hasty.ask("GET", behind.path(kind), headers={"Min-Revision": f'"1-{behind.now}"'})

    assert (answer.status, answer.json()["type"]) == (503, "urn:taskwire:problem:unavailable")
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert READ_TIMEOUT_S <= monotonic() - began < READ_TIMEOUT_S + 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_read_waits_until_the_replica_has_reached_the_revision(
    replicated: Replicated, behind: Behind, kind: str
) -> None:
    async with replicated.replica_reader() as reader, gateway_before(reader, read_timeout_s=PATIENCE_S) as gateway:
        headers = {"Min-Revision": str(behind.now)}
        waiting = asyncio.create_task(gateway.ask("GET", behind.path(kind), headers=headers))
        early = await gateway.ask("GET", behind.path(kind))
        waits = not waiting.done()
        await replicated.standby.resume()
        answer = await waiting

    assert (early.status, waits) == (200, True)
    assert (answer.status, titles(answer)) == (200, ["title"])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_read_that_names_nothing_or_what_is_reached_is_answered_as_the_replica_is(
    behind: Behind, replica: Served, kind: str
) -> None:
    path = behind.path(kind)

    named = {"Min-Revision": str(behind.then)}
    answers = [await replica.ask("GET", path, headers=headers) for headers in (None, named)]

    assert [answer.status for answer in answers] == [200, 200]
    assert [titles(answer) for answer in answers] == [[] if kind == "changes" else ["old"]] * 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_304_is_never_of_something_older(behind: Behind, replica: Served, hasty: Served, kind: str) -> None:
    known = {"If-None-Match": f'"1-{behind.then}"'}

    unnamed = await replica.ask("GET", behind.path(kind), headers=known)
    named = await hasty.ask("GET", behind.path(kind), headers={**known, "Min-Revision": str(behind.now)})

    assert (unnamed.status, named.status) == (304, 503)


async def test_a_list_from_memory_is_never_older(replicated: Replicated, behind: Behind) -> None:
    async with (
        replicated.replica_reader() as reader,
        gateway_before(reader, read_timeout_s=PATIENCE_S) as gateway,
        gateway_before(reader, read_timeout_s=READ_TIMEOUT_S) as hasty,
    ):
        path, named = behind.path("list"), {"Min-Revision": str(behind.now)}
        kept = [await gateway.ask("GET", path) for _ in range(2)]
        too_new = await hasty.ask("GET", path, headers=named)
        from_memory = await gateway.ask("GET", path, headers={"Min-Revision": str(behind.then)})
        await replicated.standby.resume()
        await replicated.standby.caught_up()
        now = await gateway.ask("GET", path, headers=named)

    assert [titles(answer) for answer in (*kept, from_memory, now)] == [["old"], ["old"], ["old"], ["title"]]
    assert too_new.status == 503


async def test_a_deleted_task_is_not_shown_after_its_deletion(
    replicated: Replicated, replica: Served, hasty: Served
) -> None:
    made = create()
    await replicated.write(made)
    await replicated.standby.caught_up()
    await replicated.standby.pause()
    gone = {"Min-Revision": str(await replicated.write(delete(made.user_id, made.task_id)))}
    path = paths_of(made.user_id, made.task_id, 0)["task"]

    before = await hasty.ask("GET", path, headers=gone)
    await replicated.standby.resume()
    await replicated.standby.caught_up()
    after = await replica.ask("GET", path, headers=gone)

    assert (before.status, after.status) == (503, 404)


async def test_changes_since_what_the_replica_has_not_reached_are_not_gone(
    replicated: Replicated, behind: Behind, replica: Served, hasty: Served
) -> None:
    path = f"/api/{behind.user}/changes?since={behind.now}"

    early = await hasty.ask("GET", path)
    await replicated.standby.resume()
    await replicated.standby.caught_up()
    answer = await replica.ask("GET", path)

    assert early.status == 503
    assert answer.json() == {"revision": behind.now, "changed": [], "deleted": []}


async def test_changes_that_are_gone_are_410_from_a_replica_too(replicated: Replicated, replica: Served) -> None:
    made = create()
    since = await replicated.write(made)
    await replicated.standby.caught_up()

    answer = await replica.ask("GET", f"/api/{made.user_id}/changes?since={since - 1}")

    assert answer.status == 410


@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_primary_has_not_reached_is_412_at_once(
    replicated: Replicated, primary: Served, kind: str
) -> None:
    made = create()
    reached = await replicated.write(made)
    path = paths_of(made.user_id, made.task_id, reached)[kind]

    answers = [await primary.ask("GET", path, headers={"Min-Revision": str(one)}) for one in (reached + 1, FUTURE)]

    assert [answer.status for answer in answers] == [412, 412]
    assert {answer.json()["type"] for answer in answers} == {"urn:taskwire:problem:revision-unreached"}


@pytest.mark.parametrize("named", [None, 0, FUTURE])
async def test_changes_since_what_the_primary_has_not_reached_are_410(
    replicated: Replicated, primary: Served, named: int | None
) -> None:
    made = create()
    await replicated.write(made)
    headers = {} if named is None else {"Min-Revision": str(named)}

    answer = await primary.ask("GET", f"/api/{made.user_id}/changes?since={FUTURE}", headers=headers)

    assert (answer.status, answer.json()["type"]) == (410, "urn:taskwire:problem:changes-gone")


async def test_a_user_without_tasks_has_reached_0_and_nothing_more(primary: Served) -> None:
    path = f"/api/{uuid4()}/tasks"

    answers = [await primary.ask("GET", path, headers={"Min-Revision": named}) for named in ("0", "1")]

    assert [answer.status for answer in answers] == [200, 412]
    assert json.loads(answers[0].body) == []


@pytest.fixture(scope="module")
async def both(replicated: Replicated) -> AsyncIterator[Served]:
    """A gateway with a task-reader on the standby, and one on the primary."""
    async with (
        replicated.replica_reader() as reader,
        replicated.primary_reader() as on_primary,
        gateway_before(reader, primary=on_primary) as gateway,
    ):
        yield gateway


@pytest.mark.parametrize("kind", KINDS)
async def test_the_primarys_reader_answers_what_the_replica_has_not_reached_and_nothing_else(
    behind: Behind, both: Served, kind: str
) -> None:
    path = behind.path(kind)

    named = await both.ask("GET", path, headers={"Min-Revision": str(behind.now)})
    unnamed = await both.ask("GET", path)

    assert (named.status, titles(named)) == (200, ["title"])
    assert titles(unnamed) == ([] if kind == "changes" else ["old"])


@pytest.mark.parametrize("kind", KINDS)
async def test_the_primarys_reader_compares_what_the_client_has(behind: Behind, both: Served, kind: str) -> None:
    tags = [f'"1-{revision}"' for revision in (behind.then, behind.now)]

    answers = [
        await both.ask("GET", behind.path(kind), headers={"If-None-Match": tag, "Min-Revision": tags[1]})
        for tag in tags
    ]

    assert [answer.status for answer in answers] == [200, 304]


async def test_changes_since_what_the_replica_has_not_reached_come_from_the_primary(
    behind: Behind, both: Served
) -> None:
    statuses = [
        (await both.ask("GET", f"/api/{behind.user}/changes?since={since}")).status
        for since in (behind.now, behind.now + 1, behind.then - 1)
    ]

    assert statuses == [200, 410, 410]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_nobody_has_reached_is_412_at_once_on_the_primarys_word(
    behind: Behind, both: Served, kind: str
) -> None:
    answer = await both.ask("GET", behind.path(kind), headers={"Min-Revision": str(FUTURE)})

    assert (answer.status, answer.json()["type"]) == (412, "urn:taskwire:problem:revision-unreached")


@pytest.fixture
def gone() -> Iterator[Served]:
    """A task-reader that is not there, at a port that no other server gets meanwhile."""
    with closed_port() as port:
        yield Served(port)


@pytest.mark.parametrize("kind", KINDS)
async def test_without_the_primarys_reader_a_read_waits_for_the_replica(
    replicated: Replicated, behind: Behind, gone: Served, kind: str
) -> None:
    named = {"Min-Revision": str(behind.now)}
    async with (
        replicated.replica_reader() as reader,
        gateway_before(reader, primary=gone, read_timeout_s=PATIENCE_S) as gateway,
        gateway_before(reader, primary=gone, read_timeout_s=READ_TIMEOUT_S) as hasty,
    ):
        early = await hasty.ask("GET", behind.path(kind), headers=named)
        await replicated.standby.resume()
        await replicated.standby.caught_up()
        answer = await gateway.ask("GET", behind.path(kind), headers=named)

    assert early.status == 503
    assert (answer.status, titles(answer)) == (200, ["title"])


@pytest.mark.parametrize("kind", KINDS)
async def test_the_primarys_reader_answers_while_those_of_the_replica_are_down(
    replicated: Replicated, behind: Behind, gone: Served, kind: str
) -> None:
    async with replicated.primary_reader() as on_primary, gateway_before(gone, primary=on_primary) as gateway:
        answer = await gateway.ask("GET", behind.path(kind))

    assert (answer.status, titles(answer)) == (200, ["title"])


async def test_reads_of_one_batch_do_not_wait_for_the_one_that_does(
    replicated: Replicated, behind: Behind, replica: Served
) -> None:
    path = behind.path("task")

    waiting = asyncio.create_task(replica.ask("GET", path, headers={"Min-Revision": str(behind.now)}))
    others = await asyncio.gather(*(replica.ask("GET", path) for _ in range(20)))
    waits = not waiting.done()
    await replicated.standby.resume()
    answer = await waiting

    assert {answer.status for answer in others} == {200}
    assert waits
    assert (answer.status, titles(answer)) == (200, ["title"])


async def test_an_event_stream_goes_on_from_the_primary_while_the_replica_has_not_reached_it(
    replicated: Replicated, behind: Behind
) -> None:
    async with (
        replicated.replica_reader() as reader,
        replicated.primary_reader() as on_primary,
        gateway_before(reader, primary=on_primary, event_check_s=CHECK_S) as gateway,
        AsyncExitStack() as clients,
    ):
        listening = System(gateway, behind.user, clients)
        listener = await listening.listen_from_now(headers=f"Min-Revision: {behind.now}\r\n")
        later = await replicated.write(replace(behind.user, behind.task, title="later"))
        told = await listener.all_of(later)

    assert [task["title"] for task in told["changed"]] == ["later"]
