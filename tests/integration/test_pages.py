"""Pages of a list on a real PostgreSQL: while others write, and on a table of many users."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from random import Random
from typing import Any, get_args
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.reads import Order, Page, Position, Read
from common.postgres.database import Database
from local_stack.postgres import Postgres
from psycopg import sql
from task_reader.queries import LIST_PAGE, answer_reads
from task_writer.batches import carry_out
from task_writer.migrate import migrate

from tests.commands import create, delete
from tests.conftest import Addresses, new_database
from tests.reading import body_of

ORDERS: tuple[Order, ...] = get_args(Order)
OF_EACH_ORDER = pytest.mark.parametrize("order", ORDERS)
MOMENT = "2026-01-01T00:00:00.000000Z"
MAX_EXAMINED = 10_000


async def read_page(reader: Database, user: UUID, page: Page) -> tuple[list[dict[str, Any]], Position | None]:
    (answer,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=user, page=page)]))
    assert answer is not None
    head, _, tasks = body_of(answer).partition(b"\n")
    return json.loads(tasks), Position.model_validate_json(head) if head else None


async def walk(reader: Database, user: UUID, page: Page) -> list[dict[str, Any]]:
    """All tasks of all pages."""
    tasks, after = await read_page(reader, user, page)
    while after is not None:
        more, after = await read_page(reader, user, page.model_copy(update={"after": after}))
        tasks += more
    return tasks


async def insert(owner: psycopg.AsyncConnection, user: UUID, count: int) -> list[UUID]:
    """So many tasks of one moment and one title, by their ids."""
    ids = [uuid4() for _ in range(count)]
    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        await owner.execute(
            "insert into tasks (id, title, created_at, user_id) select id, 'x', %s, %s from unnest(%s::uuid[]) as id",
            [MOMENT, user, ids],
        )
    return ids


async def remove(owner: psycopg.AsyncConnection, user: UUID, ids: list[UUID]) -> None:
    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        await owner.execute("delete from tasks where user_id = %s and id = any(%s)", [user, ids])


@pytest.fixture
async def churned(addresses: Addresses) -> AsyncIterator[tuple[UUID, list[UUID]]]:
    """A user and the tasks that stay, while two others insert and delete more of the same moment and title."""
    user, ended = uuid4(), asyncio.Event()

    async def churn() -> None:
        async with await psycopg.AsyncConnection.connect(addresses.owner, autocommit=True) as connection:
            while not ended.is_set():
                await remove(connection, user, await insert(connection, user, 20))

    async with await psycopg.AsyncConnection.connect(addresses.owner, autocommit=True) as connection:
        stay = await insert(connection, user, 50)
    churners = [asyncio.create_task(churn()) for _ in range(2)]
    yield user, stay
    ended.set()
    await asyncio.gather(*churners)


@OF_EACH_ORDER
async def test_tasks_of_equal_keys_come_once_while_others_come_and_go(
    reader_database: Database, churned: tuple[UUID, list[UUID]], order: Order
) -> None:
    user, stay = churned
    expected = sorted(map(str, stay), reverse=order.startswith("-"))
    seen_others = 0

    for limit in (1, 2, 3, 7, 20) * 4:
        found = [task["id"] for task in await walk(reader_database, user, Page(order=order, limit=limit))]

        assert [one for one in found if one in set(expected)] == expected
        assert all(one < other if order[0] != "-" else one > other for one, other in pairwise(found))
        seen_others += len(found) - len(expected)
    assert seen_others > 0, "nothing was written meanwhile"


@OF_EACH_ORDER
async def test_a_page_of_tasks_of_equal_keys_goes_on_after_a_task_that_is_gone(
    reader_database: Database, owner: psycopg.AsyncConnection, order: Order
) -> None:
    user = uuid4()
    ids = sorted(await insert(owner, user, 6), reverse=order.startswith("-"))
    page = Page(order=order, limit=2)
    _, after = await read_page(reader_database, user, page)
    await remove(owner, user, ids[:3])

    rest = await walk(reader_database, user, page.model_copy(update={"after": after}))

    assert [task["id"] for task in rest] == [str(one) for one in ids[3:]]


@OF_EACH_ORDER
async def test_pages_while_the_writer_works_have_every_task_that_stays(
    reader_database: Database, writer_database: Database, order: Order
) -> None:
    user, chance = uuid4(), Random(1)  # noqa: S311 - not a secret
    stay = [create(user, title=chance.choice("ab")) for _ in range(30)]
    await carry_out(writer_database, stay)

    async def write() -> None:
        for _ in range(40):
            new = [create(user, title=chance.choice("abc")) for _ in range(5)]
            await carry_out(writer_database, new)
            await carry_out(writer_database, [delete(user, one.task_id) for one in new])

    writing = asyncio.create_task(write())
    walks = 0
    while not writing.done() or walks < 3:
        found = [task["id"] for task in await walk(reader_database, user, Page(order=order, limit=4))]
        walks += 1

        assert {str(one.task_id) for one in stay} <= set(found)
        assert len(set(found)) == len(found)
    await writing


@pytest.fixture(scope="module")
async def large(postgres: Postgres) -> AsyncIterator[tuple[psycopg.AsyncConnection, UUID]]:
    """A superuser in the reader's role, on a table of 2,000 users with 20 tasks each and one with 30,000, who is told.

    Each statement inside a function is told with its plan.
    """
    own = Addresses.of(await new_database(postgres, f"pages_{uuid4().hex}"))
    migrate(own.migration_settings())
    url = postgres.superuser_url.rpartition("/")[0] + "/" + own.owner.rpartition("/")[2]
    user = uuid4()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
        await admin.execute(
            """
            insert into tasks (id, title, is_completed, created_at, user_id)
            select gen_random_uuid(), 'Buy milk, number ' || mod(n, 977), mod(n, 3) = 0,
              timestamptz '2026-01-01Z' + n * interval '1 s',
              case when n < 30000 then %s else md5(mod(n, 2000)::text)::uuid end
            from generate_series(0, 69999) as n
            """,
            [user],
        )
        await admin.execute("insert into user_revisions (user_id, revision, previous) values (%s, 7, 0)", [user])
        await admin.execute("vacuum analyze tasks, user_revisions")
        await admin.execute("load 'auto_explain'")
        for name, value in SHOWN.items():
            await admin.execute(sql.SQL("set {} = {}").format(sql.SQL(name), sql.Literal(value)))
        await admin.execute("set role taskwire_reader")
        yield admin, user


SHOWN = {
    "timezone": "UTC",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    "client_min_messages": "notice",
}


async def plans_of(admin: psycopg.AsyncConnection, user: UUID, page: Page) -> tuple[str, list[dict[str, Any]]]:
    """The page, and the nodes of its plan that have run."""
    told: list[str] = []
    admin.add_notice_handler(handler := lambda notice: told.append(notice.message_primary or ""))
    values = {
        "user_id": user, "order": page.order, "limit": page.limit, "is_completed": page.is_completed,
        "created_after": page.created_after, "created_before": page.created_before, "q": page.q,
        "after_key": page.after and page.after.key, "after_id": page.after and page.after.id, "known_revision": None,
    }  # fmt: skip
    row = await (await admin.execute(b"select " + LIST_PAGE.encode(), values)).fetchone()
    admin.remove_notice_handler(handler)
    plans = [json.loads(text.partition("plan:\n")[2])["Plan"] for text in told if "tasks" in text and "plan:" in text]
    assert row is not None
    return row[0].partition(" ")[2], [node for plan in plans for node in nodes(plan) if node["Actual Loops"] > 0]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def scans(ran: list[dict[str, Any]]) -> list[tuple[str, str, float]]:
    """Index, direction and rows of each access to the table."""
    return [
        (node.get("Index Name", node["Node Type"]), node.get("Scan Direction", ""), node["Actual Rows"])
        for node in ran
        if node.get("Relation Name") == "tasks"
    ]


INDEXES = {
    "-created_at": ("idx_task_user_created_id", "Forward"),
    "created_at": ("idx_task_user_created_id", "Backward"),
    "title": ("idx_task_user_title", "Forward"),
    "-title": ("idx_task_user_title", "Backward"),
}


@OF_EACH_ORDER
async def test_a_page_reads_its_rows_and_one_more_from_the_index_of_its_order(
    large: tuple[psycopg.AsyncConnection, UUID], order: Order
) -> None:
    admin, user = large
    first, ran = await plans_of(admin, user, Page(order=order, limit=50))

    after = Position.model_validate_json(first.partition("\n")[0])
    _, ran_next = await plans_of(admin, user, Page(order=order, limit=50, after=after))

    assert scans(ran) == scans(ran_next) == [(*INDEXES[order], 51)]
    assert not [node for node in ran if "tasks" in str(node.get("Sort Key", ""))], "rows are sorted"


@pytest.mark.parametrize("order", ["created_at", "-created_at"])
async def test_times_are_a_range_of_the_index(large: tuple[psycopg.AsyncConnection, UUID], order: Order) -> None:
    admin, user = large
    page = Page.model_validate(
        {
            "order": order, "limit": 50,
            "created_after": "2026-01-01T03:00:00Z", "created_before": "2026-01-01T03:00:11Z",
        }
    )  # fmt: skip

    found, ran = await plans_of(admin, user, page)

    assert len(json.loads(found)) == 10
    assert scans(ran) == [(*INDEXES[order], 10)]


@OF_EACH_ORDER
async def test_a_search_ends_after_so_many_tasks_and_goes_on_in_the_next_page(
    large: tuple[psycopg.AsyncConnection, UUID], order: Order
) -> None:
    admin, user = large
    page = Page(order=order, limit=50, q="number 976 and more")

    first, ran = await plans_of(admin, user, page)

    assert scans(ran) == [(*INDEXES[order], MAX_EXAMINED)]
    head, _, tasks = first.partition("\n")
    assert (bool(head), tasks) == (True, "[]")
    pages = [first]
    while head := pages[-1].partition("\n")[0]:
        after = Position.model_validate_json(head)
        pages.append((await plans_of(admin, user, page.model_copy(update={"after": after})))[0])
    assert len(pages) == 30_000 / MAX_EXAMINED + 1  # the last one finds out that there is nothing left


@OF_EACH_ORDER
async def test_few_matches_among_many_tasks_are_all_found(
    large: tuple[psycopg.AsyncConnection, UUID], order: Order
) -> None:
    admin, user = large
    page, found = Page(order=order, limit=20, q="NUMBER 976", is_completed=False), list[dict[str, Any]]()

    text, _ = await plans_of(admin, user, page)
    found += json.loads(text.partition("\n")[2])
    while head := text.partition("\n")[0]:
        text, _ = await plans_of(admin, user, page.model_copy(update={"after": Position.model_validate_json(head)}))
        found += json.loads(text.partition("\n")[2])

    numbers = [n for n in range(30_000) if n % 977 == 976 and n % 3]
    assert len(found) == len({task["id"] for task in found}) == len(numbers)
    keys = [(task[order.removeprefix("-")], task["id"]) for task in found]
    assert keys == sorted(keys, reverse=order.startswith("-"))
