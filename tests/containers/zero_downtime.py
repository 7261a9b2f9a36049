"""`make zero-downtime`: replaces, migrates and restarts the containers of a system under load; no request may fail.

Exits with status 1 when a single request failed. Needs a Docker engine.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx

from faults.cluster.variables import ROOT

from .engine import engine_answers, run
from .project import Layout, Project, running_project
from .stand_ins import ensure_image

CLIENTS = 16
QUIET_S = 3.0  # under load before and after each step
PAIRS = Layout({"gateway": 2, "task-reader": 2, "task-writer": 2}, profiles=("edge",))
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
ADD_COLUMN = '''"""Add a column, as a release does."""

from alembic import op

revision = "9999_add_due_at"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("alter table tasks add column due_at timestamptz")


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("alter table tasks drop column due_at")
'''


@dataclass
class Tally:
    """What the clients saw during one step."""

    requests: int = 0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)


class Load:
    """Clients that write and read tasks in each way that there is, without a pause, and send nothing a second time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.tally = Tally()

    def has_asked(self, requests: int) -> Callable[[], Awaitable[bool]]:
        """Whether the clients have sent so many requests."""

        async def is_so() -> bool:
            return self.tally.requests >= requests

        return is_so

    async def one_client(self) -> None:
        """Works until it is cancelled, under a new user in each round: a failure is not counted again in the next."""
        limits = httpx.Limits(keepalive_expiry=30)
        async with httpx.AsyncClient(timeout=15, limits=limits) as client:
            while True:
                client.base_url = f"{self._url}/api/{uuid4()}"
                await self._one_round(client)

    async def _one_round(self, client: httpx.AsyncClient) -> None:
        created = await self._ask(client, client.build_request("POST", "/tasks", json={"title": "Buy milk"}), 201)
        if created is None:
            return
        path = f"/tasks/{created.json()['id']}"
        await self._ask(client, client.build_request("GET", path), 200, created.content)
        flipped = await self._ask(client, client.build_request("PATCH", f"{path}/complete"), 200)
        if flipped is not None:
            await self._ask(client, client.build_request("GET", "/tasks"), 200, b"[" + flipped.content + b"]")
        await self._patch_page_and_sync(client, path)
        await self._ask(client, client.build_request("DELETE", path), 204)
        await self._ask(client, client.build_request("GET", path), 404)

    async def _patch_page_and_sync(self, client: httpx.AsyncClient, path: str) -> None:
        """A condition that holds, and the task as a page, an operation of a batch and the changes show it."""
        patch = client.build_request("PATCH", path, json={"title": "Buy bread"}, headers=MERGE_PATCH)
        patched = await self._ask(client, patch, 200)
        if patched is None:
            return
        tag = {"If-None-Match": patched.headers["ETag"]}
        await self._ask(client, client.build_request("GET", path, headers=tag), 304)
        page = client.build_request("GET", "/tasks", params={"limit": 1})
        await self._ask(client, page, 200, b"[" + patched.content + b"]")
        operations = [{"op": "patch", "id": patched.json()["id"], "if_match": patched.headers["ETag"]}]
        batch = await self._ask(client, client.build_request("POST", "/batch", json={"operations": operations}), 200)
        changes = await self._ask(client, client.build_request("GET", "/changes"), 200)
        shown = [batch and batch.json()["results"][0].get("task"), changes and changes.json()["changed"][0]]
        if shown != [patched.json()] * 2:
            self.tally.failures.append(f"{path}: {shown!r:.300}")

    async def _ask(
        self, client: httpx.AsyncClient, request: httpx.Request, status: int, expected: bytes | None = None
    ) -> httpx.Response | None:
        """The answer, if it is the one that was expected; everything else is a failure."""
        tally, began = self.tally, time.monotonic()
        try:
            answer = await client.send(request)
        except httpx.HTTPError as error:
            tally.failures.append(f"{request.method} {request.url.path}: {error!r}")
            return None
        finally:
            tally.requests += 1
            tally.slowest_s = max(tally.slowest_s, time.monotonic() - began)
        if answer.status_code != status or expected not in {None, answer.content}:
            tally.failures.append(f"{request.method} {request.url.path}: {answer.status_code} {answer.text[:200]}")
            return None
        return answer

    async def during(self, name: str, step: Callable[[], Awaitable[object]]) -> Tally:
        """What the clients saw from a little before the step to a little after it."""
        self.tally = tally = Tally()
        began = time.monotonic()
        await asyncio.sleep(QUIET_S)
        await step()
        await asyncio.sleep(QUIET_S)
        took_s = time.monotonic() - began
        print(
            f"{name:<40} {took_s:6.1f} s  {tally.requests:7,} requests  {len(tally.failures):3} failed"
            f"  slowest {tally.slowest_s * 1000:6.0f} ms",
            flush=True,
        )
        for failure in tally.failures[:5]:
            print(f"    {failure}", flush=True)
        return tally


@asynccontextmanager
async def running_load(url: str, *, clients: int = CLIENTS) -> AsyncIterator[Load]:
    load = Load(url)
    running = [asyncio.create_task(load.one_client()) for _ in range(clients)]
    try:
        yield load
    finally:
        for client in running:
            client.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class Rollout:
    """The steps, as docs/upgrade.md has them."""

    def __init__(self, project: Project, layout: Layout, directory: Path) -> None:
        self._project = project
        self._layout = layout
        self._directory = directory

    async def replace(self, service: str) -> None:
        command = ("docker", "compose", *self._project.options())
        environment = {"COMPOSE": " ".join(command), **self._layout.environment()}
        script = str(ROOT / "deploy" / "compose" / "roll.sh")
        await asyncio.to_thread(run, "sh", script, service, within_s=300, environment=environment)

    async def migrate(self) -> None:
        (head,) = self._project.sql("select version_num from alembic_version")
        revision = self._directory / "9999_add_due_at.py"
        revision.write_text(ADD_COLUMN.format(head=head))
        mounted = f"{revision}:/app/services/task-writer/migrations/versions/{revision.name}:ro"
        arguments = ("run", "--rm", "--no-deps", "--volume", mounted, "migrate")
        await asyncio.to_thread(self._project.compose, *arguments, variables=self._layout.variables)

    async def restart_one_writer(self) -> None:
        one = self._project.containers("task-writer")[0]["Id"]
        await asyncio.to_thread(run, "docker", "restart", "--time", "30", one)

    async def kill_one_writer(self) -> None:
        one = self._project.containers("task-writer")[0]["Id"]
        await asyncio.to_thread(run, "docker", "kill", one)
        await asyncio.to_thread(run, "docker", "start", one)


async def prove(directory: Path) -> bool:
    """Whether no request failed."""
    ensure_image("haproxy:3.2", directory)
    with running_project(directory) as project:
        rollout = Rollout(project, PAIRS, directory)
        await asyncio.to_thread(project.arrange, PAIRS)
        async with running_load(project.edge_url) as load:
            steps: dict[str, Callable[[], Awaitable[object]]] = {
                "nothing happens": lambda: asyncio.sleep(QUIET_S),
                "both task-readers are replaced": lambda: rollout.replace("task-reader"),
                "both task-writers are replaced": lambda: rollout.replace("task-writer"),
                "both gateways are replaced": lambda: rollout.replace("gateway"),
                "a migration adds a column": rollout.migrate,
                "one task-writer of two restarts": rollout.restart_one_writer,
                "one task-writer of two is killed": rollout.kill_one_writer,
            }
            tallies = [await load.during(name, step) for name, step in steps.items()]
    requests, failed = sum(one.requests for one in tallies), sum(len(one.failures) for one in tallies)
    print(f"\n{requests:,} requests, {failed} failed")
    return failed == 0


def main() -> int:
    if not engine_answers():
        print("No Docker engine answers here: nothing was proved.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        return 0 if asyncio.run(prove(Path(directory))) else 1


if __name__ == "__main__":
    sys.exit(main())
