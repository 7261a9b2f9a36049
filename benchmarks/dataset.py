"""The rows of the benchmarks, and requests for them. Ids are derived from numbers, so that none must be looked up."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from uuid import UUID

import psycopg

SCHEMA = """
create table tasks (
  id uuid primary key,
  title varchar(255) not null,
  description varchar(2000),
  is_completed boolean not null default false,
  created_at timestamptz not null default now(),
  user_id uuid not null
);
create index idx_task_user_id on tasks (user_id);
create index idx_task_user_created on tasks (user_id, created_at desc);
"""
"""The product's table for the opponents, with an index for each query and without row-level security."""

INSERT = """
insert into tasks (id, title, description, is_completed, created_at, user_id)
select
  md5(%(prefix)s || ' task ' || n)::uuid,
  'Buy milk, number ' || n,
  case when n %% 2 = 0 then 'Two litres of the fresh one, and a loaf of rye' end,
  n %% 3 = 0,
  timestamptz '2026-01-01T00:00Z' + n * interval '1 second',
  md5(%(prefix)s || ' user ' || n %% %(users)s)::uuid
from generate_series(0, %(users)s::bigint * %(tasks_each)s - 1) as n
"""
"""Task n belongs to user n modulo the number of users: as in life, the tasks of one user lie far apart in the table."""


@dataclass(frozen=True)
class Group:
    """Users who have the same number of tasks each."""

    users: int
    tasks_each: int

    @property
    def prefix(self) -> str:
        """Distinguishes this group's ids from another's."""
        return f"{self.users} users with {self.tasks_each}"

    def user_id(self, number: int) -> UUID:
        """The id of user `number`, from 0."""
        return _uuid(f"{self.prefix} user {number % self.users}")

    def task_id(self, number: int) -> UUID:
        """The id of task `number`, from 0; it belongs to the user of the same number."""
        return _uuid(f"{self.prefix} task {number}")


SMALL = Group(users=1_000, tasks_each=20)
LARGE = Group(users=20, tasks_each=1_000)
WRITING = Group(users=1_000, tasks_each=0)
"""Those who write are others than those who read, so that no list grows while it is measured."""

BODY = '{"title": "Buy milk", "description": "Two litres of the fresh one"}'


async def fill(superuser_url: str, *groups: Group) -> None:
    """Inserts the groups' rows, past row-level security, and leaves the table as autovacuum would."""
    async with await psycopg.AsyncConnection.connect(superuser_url, autocommit=True) as connection:
        for group in groups:
            await connection.execute(
                INSERT, {"prefix": group.prefix, "users": group.users, "tasks_each": group.tasks_each}
            )
        await connection.execute("vacuum analyze tasks")
        await connection.execute("checkpoint")


def gets_of_tasks(group: Group, count: int = 5_000) -> Iterator[str]:
    """Requests for one task each, of random users."""
    chance = random.Random(1)  # noqa: S311 - the same for everyone who is measured, not a secret
    for _ in range(count):
        number = chance.randrange(group.users * group.tasks_each)
        yield f"GET /api/{group.user_id(number)}/tasks/{group.task_id(number)}"


def gets_of_lists(group: Group, count: int = 5_000) -> Iterator[str]:
    """Requests for all tasks of random users."""
    chance = random.Random(2)  # noqa: S311
    for _ in range(count):
        yield f"GET /api/{group.user_id(chance.randrange(group.users))}/tasks"


def changed_lists(group: Group, count: int = 5_000) -> Iterator[str]:
    """A task of a random user is replaced, and then all tasks of the same user are read."""
    chance = random.Random(4)  # noqa: S311
    for _ in range(count // 2):
        number = chance.randrange(group.users * group.tasks_each)
        yield f"PUT /api/{group.user_id(number)}/tasks/{group.task_id(number)} {BODY}"
        yield f"GET /api/{group.user_id(number)}/tasks"


def posts(count: int = 5_000) -> Iterator[str]:
    """Requests that create a task for one of the writing users."""
    for number in range(count):
        yield f"POST /api/{WRITING.user_id(number)}/tasks {BODY}"


def mixed(count: int = 5_000) -> Iterator[str]:
    """40 % one task, 40 % a list of 20, 20 % creations, in random order."""
    requests = [
        *gets_of_tasks(SMALL, count * 2 // 5),
        *gets_of_lists(SMALL, count * 2 // 5),
        *posts(count // 5),
    ]
    random.Random(3).shuffle(requests)  # noqa: S311
    yield from requests


def write_requests(path: Path, requests: Iterator[str]) -> Path:
    """Writes them as the load generators read them, one a line."""
    path.write_text("".join(f"{request}\n" for request in requests))
    return path


def _uuid(text: str) -> UUID:
    return UUID(md5(text.encode(), usedforsecurity=False).hexdigest())
