"""Lists of commands under one key, on a real PostgreSQL: carried out together or not at all, and each once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import pytest
from common.contracts.commands import AnyCommand, CreateTask, KeyedList
from common.contracts.fingerprints import list_fingerprint
from common.contracts.outcomes import Outcome
from common.postgres.database import Database, open_database
from task_writer.batches import EXPIRED, KEY_REUSED, NOT_BEGUN, carry_out

from tests.commands import create, delete, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import outcomes, replay_of, titles


@pytest.fixture
async def other_writer(addresses: Addresses) -> AsyncIterator[Database]:
    """The database as a second task-writer sees it, over connections of its own."""
    settings = writer_settings(addresses)
    async with open_database(settings.writer_database_url, settings) as database:
        yield database


def ids(count: int) -> list[UUID]:
    """Those of a key, by place."""
    return [uuid4() for _ in range(count)]


def listed(commands: Sequence[AnyCommand], key: Sequence[UUID]) -> list[AnyCommand]:
    """The commands as one list under a key."""
    of_list = KeyedList(first=key[0], fingerprint=list_fingerprint(commands))
    return [
        command.model_copy(update={"command_id": command_id, "keyed": True, "keyed_list": of_list})
        for command, command_id in zip(commands, key, strict=False)
    ]


def creates(user: UUID, *names: str, expires_in_s: float = 10.0) -> list[AnyCommand]:
    return [create(user, title=name, expires_in_s=expires_in_s) for name in names]


async def test_a_list_is_carried_out_and_replayed(writer_database: Database, reader_database: Database) -> None:
    user, key = uuid4(), ids(4)
    task = create(user)
    commands: list[AnyCommand] = [task, toggle(user, task.task_id), delete(user, uuid4()), create(user, title="b")]

    first = await outcomes(writer_database, *listed(commands, key))
    again = await outcomes(writer_database, *listed(commands, key))

    assert [one.status for one in first] == ["done", "done", "not_found", "done"]
    assert again == [replay_of(one) for one in first]
    assert sorted(await titles(reader_database, user)) == ["Buy milk", "b"]


OTHER = {
    "another first": ["x", "b", "c"],
    "another last": ["a", "b", "x"],
    "shorter": ["a", "b"],
    "longer": ["a", "b", "c", "d"],
    "much longer": ["a", "b", "c", *"defghij"],
    "one": ["a"],
}


@pytest.mark.parametrize("other", OTHER.values(), ids=OTHER.keys())
async def test_of_another_list_under_the_same_key_nothing_is_carried_out(
    writer_database: Database, reader_database: Database, other: list[str]
) -> None:
    user, key = uuid4(), ids(10)
    await outcomes(writer_database, *listed(creates(user, "a", "b", "c"), key))

    answers = await outcomes(writer_database, *listed(creates(user, *other), key))

    assert answers == [KEY_REUSED] * len(other)
    assert sorted(await titles(reader_database, user)) == ["a", "b", "c"]


async def test_a_single_command_under_the_key_and_a_list_exclude_each_other(
    writer_database: Database, reader_database: Database
) -> None:
    user, key, other_key = uuid4(), ids(2), ids(2)
    alone, other = (
        create(user, title="alone", command_id=one[0]).model_copy(update={"keyed": True}) for one in (key, other_key)
    )
    await outcomes(writer_database, alone)
    await outcomes(writer_database, *listed(creates(user, "a", "b"), other_key))

    answers = await outcomes(writer_database, *listed(creates(user, "alone", "b"), key))
    answers += await outcomes(writer_database, other)

    assert answers == [KEY_REUSED] * 3
    assert sorted(await titles(reader_database, user)) == ["a", "alone", "b"]


async def test_two_lists_under_one_key_at_two_writers_at_once_are_one_of_them(
    writer_database: Database, other_writer: Database, reader_database: Database
) -> None:
    for _ in range(10):
        user, key = uuid4(), ids(20)
        lists = [listed(creates(user, *names), key) for names in ("abcdef", "uvwxyzuvwxyz")]

        one, two = await asyncio.gather(
            *(outcomes(at, *commands) for at, commands in zip((writer_database, other_writer), lists, strict=True))
        )

        done, refused = (one, two) if one[0].status == "done" else (two, one)
        assert {answer.status for answer in done} == {"done"}
        assert refused == [KEY_REUSED] * len(refused)
        assert len(await titles(reader_database, user)) == len(done)


async def test_the_same_list_at_two_writers_at_once_takes_effect_once(
    writer_database: Database, other_writer: Database, reader_database: Database
) -> None:
    for _ in range(10):
        user, key = uuid4(), ids(6)

        answers = await asyncio.gather(
            *(outcomes(at, *listed(creates(user, *"abcdef"), key)) for at in (writer_database, other_writer))
        )

        assert {one.status for answer in answers for one in answer} == {"done"}
        assert [one.task for one in answers[0]] == [one.task for one in answers[1]]
        assert len(await titles(reader_database, user)) == 6


async def test_without_a_record_of_its_first_command_nothing_of_a_list_is_carried_out(
    writer_database: Database, reader_database: Database
) -> None:
    user, key = uuid4(), ids(3)
    _, *others = listed(creates(user, "a", "b", "c"), key)

    answers = await outcomes(writer_database, *others)

    assert answers == [NOT_BEGUN] * 2
    assert await titles(reader_database, user) == []


async def test_a_list_whose_first_command_is_poison_is_refused_as_a_whole_and_harms_no_neighbour(
    writer_database: Database, reader_database: Database
) -> None:
    user, key, neighbour = uuid4(), ids(3), create()
    first = create()
    await outcomes(writer_database, first)
    poison: CreateTask = create(user, task_id=first.task_id)  # a task that is there: a bug no gateway has

    answered = await carry_out(writer_database, [neighbour, *listed([poison, *creates(user, "b", "c")], key)])

    assert [one.outcome.status for one in answered] == ["done", "refused", "refused", "refused"]
    assert [one.poison is not None for one in answered] == [False, True, False, False]
    assert await titles(reader_database, user) == []


async def test_a_list_with_poison_in_the_middle_goes_on_without_it(
    writer_database: Database, reader_database: Database
) -> None:
    user, key = uuid4(), ids(3)
    first = create()
    await outcomes(writer_database, first)
    poison = create(user, task_id=first.task_id)

    answers = await outcomes(writer_database, *listed([create(user, title="a"), poison, create(user, title="c")], key))

    assert [one.status for one in answers] == ["done", "refused", "done"]
    assert sorted(await titles(reader_database, user)) == ["a", "c"]


async def test_a_list_past_its_deadline_is_expired_and_leaves_its_key_free(
    writer_database: Database, reader_database: Database
) -> None:
    user, key = uuid4(), ids(2)

    late = await outcomes(writer_database, *listed(creates(user, "a", "b", expires_in_s=-1), key))
    timely = await outcomes(writer_database, *listed(creates(user, "c"), key))

    assert (late, [one.status for one in timely]) == ([EXPIRED] * 2, ["done"])
    assert await titles(reader_database, user) == ["c"]


async def test_a_redelivered_list_is_answered_from_the_record(writer_database: Database) -> None:
    commands = listed(creates(uuid4(), *"abc"), ids(3))
    before = await outcomes(writer_database, *commands)

    again: list[Outcome] = await outcomes(writer_database, *commands, redelivered=True)

    assert again == [replay_of(one) for one in before]
