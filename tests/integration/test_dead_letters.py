"""`task-writer dead-letters` on a real queue: listing loses nothing, a replay takes effect once, a discard is
permanent."""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from common.bus.declarations import COMMANDS
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME
from common.postgres.database import Database
from local_stack.rabbitmq import Rabbitmq
from task_writer.batches import carry_out
from task_writer.cleanup import forget_old_commands
from task_writer.dead_letter_commands import list_dead_letters, show
from task_writer.dead_letter_queue import open_dead_letters
from task_writer.dead_letters import LogWindow, NotPossible, replay_messages

from tests.commands import create, delete, id_of_key, keyed, toggle
from tests.conftest import Addresses
from tests.integration.dead_letters import Operator, Said, add_dead_letter, batch, has, holds, tasks_of
from tests.integration.raw_gateway import RawGateway, emptied_gateway
from tests.integration.test_delivery import running_writer
from tests.ports import closed_port
from tests.waiting import eventually

LOOKS = 25  # more than the 20 deliveries that RabbitMQ 4 allows by default
SECRET = "a text of a user"  # noqa: S105 - stands for what only `show` may show


@pytest.fixture
def operator(rabbitmq: Rabbitmq, addresses: Addresses) -> Operator:
    return Operator(rabbitmq.url, addresses.writer)


@pytest.fixture
async def gateway(rabbitmq: Rabbitmq) -> AsyncIterator[RawGateway]:
    """Both queues are empty before and after a test; no writer runs."""
    async with emptied_gateway(rabbitmq.url) as raw:
        yield raw


async def test_an_empty_queue_is_said_to_be_empty(gateway: RawGateway, operator: Operator) -> None:
    said = [await operator(*words) for words in (["list"], ["replay", "--all"], ["discard", "--all", "--yes"])]

    assert said == [Said(0, "No dead letters.\n", "")] * 3


async def test_the_list_shows_what_an_operator_needs_and_no_text_of_a_task(
    gateway: RawGateway, operator: Operator
) -> None:
    first, began = create(title=SECRET), datetime.now(UTC)
    await add_dead_letter(
        gateway, batch(first, toggle(first.user_id, first.task_id), toggle(first.user_id, first.task_id))
    )
    await add_dead_letter(gateway, SECRET.encode(), "malformed: : json_invalid")

    said = await operator("list")

    poison, malformed = said.out.splitlines()
    assert f"3 commands (create_task, 2 toggle_task) of {first.user_id}" in poison
    assert poison.endswith("PostgreSQL rejected it: UniqueViolation 23505 tasks_pkey")
    assert malformed.endswith("16 bytes  cannot be read: json_invalid")
    shown = [line[14:30] for line in (poison, malformed)]
    assert f"{began:%Y-%m-%d %H:%M}" <= shown[0] <= shown[1] <= f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    assert SECRET not in said.out


async def test_a_dead_letter_is_shown_whole(gateway: RawGateway, operator: Operator) -> None:
    command = create(title=SECRET)
    await add_dead_letter(gateway, batch(command))
    (dead_letter_id,) = await operator.ids()

    said = await operator("show", dead_letter_id)

    assert said.status == 0
    assert json.loads(said.out.partition("\nbody      ")[2]) == json.loads(batch(command))
    assert '"x-reason": "UniqueViolation 23505 tasks_pkey"' in said.out
    assert f"id        {dead_letter_id}\n" in said.out


async def test_looking_often_loses_nothing_and_keeps_the_order(
    gateway: RawGateway, operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        await add_dead_letter(gateway, f"dead letter {number}".encode())
    before = await operator.ids()

    for _ in range(LOOKS):
        await list_dead_letters(operator.settings(), limit=10)
        await show(operator.settings(), before[6])

    listed = capsys.readouterr().out.splitlines()
    assert len(set(before)) == 12
    assert [line[:12] for line in listed if "bytes" in line and line[:12] in before] == before[:10] * LOOKS
    assert listed.count("These are the oldest 10 of 12; --limit shows more.") == LOOKS
    assert await operator.ids() == before
    left = await gateway.channel.get_queue(DEAD_LETTERS_NAME)
    assert [(await left.get(no_ack=True)).body for _ in before] == [
        f"dead letter {number}".encode() for number in range(12)
    ]


KILLED_OPERATOR = """
import asyncio, os, signal
from task_writer.dead_letter_queue import open_dead_letters
from task_writer.settings import DeadLetterSettings

async def look():
    async with open_dead_letters(DeadLetterSettings()) as queue:
        async for held in queue.dead_letters():
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(look())
"""


async def test_an_operator_who_is_killed_loses_nothing_and_locks_nobody_out(
    gateway: RawGateway, operator: Operator
) -> None:
    for number in range(12):
        await add_dead_letter(gateway, f"dead letter {number}".encode())
    before = await operator.ids()

    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_OPERATOR, env={"RABBITMQ_URL": operator.rabbitmq_url}
    )
    await killed.wait()
    await eventually(lambda: holds(gateway, DEAD_LETTERS_NAME, 12))

    assert killed.returncode == -9
    assert await operator.ids() == before


async def test_a_second_operator_has_to_wait_and_harms_nothing(gateway: RawGateway, operator: Operator) -> None:
    await add_dead_letter(gateway, batch(create()))

    async with open_dead_letters(operator.settings()) as queue:
        said = [await operator(*words) for words in (["list"], ["replay", "--all"], ["discard", "--all", "--yes"])]
        held = [held.dead_letter.id async for held in queue.dead_letters()]

    assert {(one.status, one.out) for one in said} == {(1, "")}
    assert all("Another operator is working on the dead letters" in one.err for one in said)
    assert await operator.ids() == held


async def test_an_operator_who_has_just_gone_locks_nobody_out(gateway: RawGateway, operator: Operator) -> None:
    """RabbitMQ 4.3 keeps the lock for a moment after its connection was closed."""
    await add_dead_letter(gateway, batch(create()))

    seen = [await operator.ids() for _ in range(LOOKS)]

    assert [len(ids) for ids in seen] == [1] * LOOKS


async def test_a_replayed_command_is_carried_out_when_its_obstacle_is_gone(
    gateway: RawGateway, operator: Operator, addresses: Addresses, rabbitmq: Rabbitmq, reader_database: Database
) -> None:
    first = create(title="in the way")
    async with running_writer(addresses, rabbitmq):
        await gateway.call(first)
        await add_dead_letter(gateway, b"dead letter before")
        await gateway.call(create(first.user_id, task_id=first.task_id, title="again", expires_in_s=1))
        await add_dead_letter(gateway, b"dead letter behind")
        before = await operator.ids()
        await gateway.call(delete(first.user_id, first.task_id))

        said = await operator("replay", before[1])

        assert said == Said(0, f"{before[1]}: sent 1 command\nReplayed 1 dead letter with 1 command.\n", "")
        await eventually(lambda: has(reader_database, first.user_id, {"again": False}))
    assert await operator.ids() == [before[0], before[2]]


async def test_a_replay_has_one_effect_however_often_it_is_made(
    gateway: RawGateway, operator: Operator, addresses: Addresses, rabbitmq: Rabbitmq, reader_database: Database
) -> None:
    first = create(title="flipped")
    flip = toggle(first.user_id, first.task_id, expires_in_s=-3600)
    async with running_writer(addresses, rabbitmq):
        await gateway.call(first)
        await add_dead_letter(gateway, batch(flip, create(first.user_id, title="new", expires_in_s=-3600)))

        await send_without_removing(operator)
        await send_without_removing(operator)
        said = await operator("replay", "--all")
        await add_dead_letter(gateway, batch(flip))
        again = await operator("replay", "--all")
        await eventually(lambda: holds(gateway, COMMANDS_NAME, 0))

    assert (said.status, again.status) == (0, 0)
    assert await tasks_of(reader_database, first.user_id) == {"flipped": True, "new": False}
    assert await operator.ids() == []


async def send_without_removing(operator: Operator) -> None:
    """A replay that is cut off after RabbitMQ has the messages and before the dead letter is removed."""
    async with open_dead_letters(operator.settings()) as queue:
        async for held in queue.dead_letters():
            for message in replay_messages(held.dead_letter, LogWindow(24 * 3600.0)):
                await queue.send(message)


@pytest.fixture
async def forgetful(addresses: Addresses, owner: psycopg.AsyncConnection, writer_database: Database) -> None:
    """The command log has deleted what was older than a day."""
    old = keyed(create(), id_of_key())
    await carry_out(writer_database, [old])
    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(old.user_id)])
        older = "update command_log set recorded_at = now() - interval '25 hours' where command_id = %s"
        await owner.execute(older, [old.command_id])
    assert await writer_database.run(lambda db: forget_old_commands(db, 24 * 3600)) > 0


@pytest.mark.usefixtures("forgetful")
async def test_a_dead_letter_whose_records_are_gone_is_not_safe_to_replay_because_the_retention_was_raised(
    gateway: RawGateway, operator: Operator, addresses: Addresses, rabbitmq: Rabbitmq
) -> None:
    now_for_longer = Operator(rabbitmq.url, addresses.writer, retention_h=72)
    await add_dead_letter(gateway, batch(create(expires_in_s=-30 * 3600)))
    async with running_writer(addresses, rabbitmq):
        (dead_letter_id,) = await operator.ids()

        shown = await now_for_longer("show", dead_letter_id)
        said = await now_for_longer("replay", dead_letter_id)

    assert "replay    unsafe since" in shown.out
    assert (said.status, said.out) == (1, "Replayed 0 dead letters with 0 commands.\n")
    assert "is too old" in said.err
    assert await operator.ids() == [dead_letter_id]


async def test_without_the_database_nothing_is_replayed_but_by_force(
    gateway: RawGateway, operator: Operator, addresses: Addresses, rabbitmq: Rabbitmq, reader_database: Database
) -> None:
    first = create(title="by force")
    await add_dead_letter(gateway, batch(first))
    with closed_port() as nobody:
        for url in (None, f"postgresql://taskwire_writer:hidden@127.0.0.1:{nobody}/taskwire"):
            alone = Operator(rabbitmq.url, url)
            async with running_writer(addresses, rabbitmq):
                (dead_letter_id,) = await alone.ids()
                shown = await alone("show", dead_letter_id)
                said = await alone("replay", dead_letter_id)
            assert "replay    unknown: " in shown.out
            assert (said.status, "hidden" in said.err) == (1, False)
            assert "the command log at WRITER_DATABASE_URL cannot be read" in said.err

    async with running_writer(addresses, rabbitmq):
        forced = await Operator(rabbitmq.url)("replay", dead_letter_id, "--force")
        await eventually(lambda: has(reader_database, first.user_id, {"by force": False}))
    assert forced.status == 0


async def test_all_replays_what_it_can_and_keeps_and_names_the_rest(
    gateway: RawGateway, operator: Operator, addresses: Addresses, rabbitmq: Rabbitmq, reader_database: Database
) -> None:
    first, second = create(title="first"), create(title="second")
    await add_dead_letter(gateway, batch(first))
    await add_dead_letter(gateway, b"[" * 100_000, "malformed: : json_invalid")
    await add_dead_letter(gateway, batch(second))
    before = await operator.ids()
    async with running_writer(addresses, rabbitmq):
        said = await operator("replay", "--all")

        await eventually(lambda: has(reader_database, second.user_id, {"second": False}))
        await eventually(lambda: has(reader_database, first.user_id, {"first": False}))
    assert said.status == 1
    assert said.out.splitlines()[-1] == "Replayed 2 dead letters with 2 commands."
    assert said.err.splitlines() == [
        f"{before[1]} has no readable commands. Look at it with `show`, then discard it.",
        "1 dead letter stayed in the queue.",
    ]
    assert await operator.ids() == [before[1]]
    assert (await operator("show", before[1])).status == 0


async def test_poison_that_is_still_poison_comes_back_and_all_comes_to_an_end(
    gateway: RawGateway, operator: Operator, addresses: Addresses, rabbitmq: Rabbitmq
) -> None:
    first = create()
    async with running_writer(addresses, rabbitmq):
        await gateway.call(first)
        for _ in range(3):
            await gateway.call(create(first.user_id, task_id=first.task_id))
        before = await operator.ids()

        said = await operator("replay", "--all")
        await eventually(lambda: holds(gateway, DEAD_LETTERS_NAME, 3))

    assert said.out.splitlines()[-1] == "Replayed 3 dead letters with 3 commands."
    assert not set(before) & set(await operator.ids())


async def test_nothing_is_replayed_while_no_writer_runs(gateway: RawGateway, operator: Operator) -> None:
    await add_dead_letter(gateway, batch(create()))

    said = await operator("replay", "--all")

    assert said == Said(1, "", "No task-writer is running: start one, then replay. The dead letters stay.\n")
    assert await gateway.waiting(DEAD_LETTERS_NAME) == 1
    assert await gateway.waiting(COMMANDS_NAME) == 0


async def test_a_dead_letter_older_than_the_command_log_is_replayed_by_force_alone(
    gateway: RawGateway, operator: Operator, addresses: Addresses, rabbitmq: Rabbitmq, reader_database: Database
) -> None:
    old = create(expires_in_s=-timedelta(hours=24).total_seconds())
    await add_dead_letter(gateway, batch(old))
    (dead_letter_id,) = await operator.ids()
    async with running_writer(addresses, rabbitmq):
        refused = await operator("replay", dead_letter_id)
        kept = await operator.ids()
        forced = await operator("replay", dead_letter_id, "--force")
        await eventually(lambda: has(reader_database, old.user_id, {old.title: False}))

    assert refused.status == 1
    assert f"{dead_letter_id} is too old: " in refused.err
    assert kept == [dead_letter_id]
    assert forced.status == 0


async def test_a_dead_letter_stays_when_rabbitmq_rejects_its_commands(gateway: RawGateway, operator: Operator) -> None:
    await add_dead_letter(gateway, batch(create()))

    async with open_dead_letters(operator.settings()) as queue:
        await gateway.channel.queue_delete(COMMANDS_NAME)
        held = await anext(queue.dead_letters())
        with pytest.raises(NotPossible, match="the dead letter stays"):
            await queue.replace(held, replay_messages(held.dead_letter, LogWindow(24 * 3600.0)))

    assert await gateway.waiting(DEAD_LETTERS_NAME) == 1
    await gateway.channel.declare_queue(COMMANDS_NAME, durable=True, arguments=COMMANDS.arguments)


async def test_a_dead_letter_is_discarded_only_with_yes(gateway: RawGateway, operator: Operator) -> None:
    for number in range(3):
        await add_dead_letter(gateway, f"dead letter {number}".encode())
    before = await operator.ids()

    without = await operator("discard", before[1])
    kept = await operator.ids()
    with_yes = await operator("discard", before[1], "--yes")
    left = await operator.ids()
    rest = await operator("discard", "--all", "--yes")

    assert (without.status, without.err) == (
        1,
        "Nothing was discarded. To delete 1 dead letter permanently, add --yes.\n",
    )
    assert kept == before
    assert (with_yes.status, with_yes.out.splitlines()[-1]) == (0, "Discarded 1 dead letter.")
    assert left == [before[0], before[2]]
    assert rest.out.splitlines()[-1] == "Discarded 2 dead letters."
    assert await operator.ids() == []


@pytest.mark.parametrize("words", [["show"], ["replay"], ["discard", "--yes"]], ids=lambda words: words[0])
async def test_an_unknown_id_is_answered_with_what_to_do(
    gateway: RawGateway, operator: Operator, addresses: Addresses, rabbitmq: Rabbitmq, words: list[str]
) -> None:
    await add_dead_letter(gateway, b"another")
    async with running_writer(addresses, rabbitmq):
        said = await operator(words[0], "0123456789ab", *words[1:])

    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("There is no dead letter 0123456789ab: ")
    assert "`task-writer dead-letters list`" in said.err
    assert await gateway.waiting(DEAD_LETTERS_NAME) == 1


async def test_a_rabbitmq_that_is_down_is_reported_in_one_line() -> None:
    with closed_port() as port:
        said = await Operator(f"amqp://user:hidden@127.0.0.1:{port}/")("list")

    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("RabbitMQ at RABBITMQ_URL cannot be used: ")
    assert said.err.count("\n") == 1
    assert "hidden" not in said.err


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that accepts and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel accepts for it
        yield server.getsockname()[1]


async def test_a_rabbitmq_that_says_nothing_is_not_waited_for_long() -> None:
    with silent_server() as port:
        started = time.monotonic()
        said = await Operator(f"amqp://user:hidden@127.0.0.1:{port}/")("list")

    assert (said.status, said.out) == (1, "")
    assert said.err == "RabbitMQ at RABBITMQ_URL did not answer in time. Nothing is lost; try again.\n"
    assert time.monotonic() - started < 10
