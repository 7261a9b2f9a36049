"""Reads the final state from PostgreSQL and from the API."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx
import psycopg

from faults.history import FinalState, History

_ANSWER_WITHIN_S = 10.0
_ALL_TASKS = """
select user_id::text, json_agg(to_jsonb(tasks) - 'revision' || jsonb_build_object(
    'created_at', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00')
  ) order by created_at desc, id desc)
from tasks
group by user_id
"""


async def final_states(stored: Mapping[str, Any], gateway_url: str, history: History) -> list[FinalState]:
    """The tasks of every user, as stored and by the API, and the changes since the last sync; tasks of users that are
    none of ours under the client -1."""
    users = history.campaign.users
    now_s = time.monotonic()
    strangers = [task for user_id, tasks in stored.items() if user_id not in users for task in tasks]
    found = [FinalState(-1, "postgresql", now_s, strangers)]
    found += [FinalState(client, "postgresql", now_s, stored.get(user_id, [])) for client, user_id in enumerate(users)]
    async with httpx.AsyncClient(base_url=gateway_url, timeout=_ANSWER_WITHIN_S, trust_env=False) as http:
        for client, user_id in enumerate(users):
            began_s = time.monotonic()
            answer = await http.get(f"/api/{user_id}/tasks")
            found.append(FinalState(client, "api", began_s, answer.raise_for_status().json()))
            since = history.revision_of(client)
            answer = await http.get(f"/api/{user_id}/changes", params={"since": since})
            found.append(FinalState(client, "changes", began_s, answer.raise_for_status().json()))
    return found


async def stored_tasks(superuser_url: str) -> dict[str, Any]:
    """All tasks by user, as a superuser sees them, whom row-level security does not bind."""
    async with await psycopg.AsyncConnection.connect(in_database(superuser_url), autocommit=True) as connection:
        return await _stored(connection)


def in_database(superuser_url: str) -> str:
    """The superuser's address in the database of the services."""
    return f"{superuser_url.rpartition('/')[0]}/taskwire"


async def stored_tasks_of(owner_url: str, users: Sequence[str]) -> dict[str, Any]:
    """The tasks of these users, as the owner sees them, who is shown one user's at a time."""
    stored: dict[str, Any] = {}
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        for user_id in users:
            await connection.execute("select set_config('app.user_id', %s, false)", [user_id])
            stored |= await _stored(connection)
    return stored


async def _stored(connection: psycopg.AsyncConnection) -> dict[str, Any]:
    """The rows that this connection sees, formatted as by the product: times in UTC, with six digits."""
    rows: Iterable[Any] = await (await connection.execute(_ALL_TASKS)).fetchall()
    return dict(rows)
