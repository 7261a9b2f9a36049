"""The commands that read: ls, show, search and watch."""

from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from enum import StrEnum
from typing import Annotated

import typer

from taskwire_client.cli import screens
from taskwire_client.cli.connection import connection_of
from taskwire_client.cli.parameters import AsJson, OneTask
from taskwire_client.cli.scripts import print_json, update_document
from taskwire_client.cli.short_ids import resolve
from taskwire_client.tasks import Filters, Order, Task


class State(StrEnum):
    """Which tasks."""

    OPEN = "open"
    DONE = "done"
    ALL = "all"


class Sort(StrEnum):
    """In which order."""

    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"


_ORDER: dict[Sort, Order] = {Sort.NEWEST: "-created_at", Sort.OLDEST: "created_at", Sort.TITLE: "title"}


def list_tasks(
    ctx: typer.Context,
    state: Annotated[State, typer.Option("--state", "-s", help="Which tasks.")] = State.OPEN,
    sort: Annotated[Sort, typer.Option("--sort", help="In which order.")] = Sort.NEWEST,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most so many.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tasks: the open ones, newest first."""
    filters: Filters = of_state(state) | Filters(order=_ORDER[sort])
    with connection_of(ctx).client() as client:
        tasks = client.tasks(page_size=min(limit or 1000, 1000), **filters)
        _print(
            tasks if limit is None else (task for task, _ in zip(tasks, range(limit), strict=False)), as_json=as_json
        )


def search(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="What title or description contain; capitals do not matter.")],
    state: Annotated[State, typer.Option("--state", "-s", help="Which tasks.")] = State.ALL,
    as_json: AsJson = False,
) -> None:
    """Find tasks by a text."""
    if not text:
        raise typer.BadParameter("an empty text is in every task")
    with connection_of(ctx).client() as client:
        _print(client.tasks(**of_state(state) | Filters(q=text)), as_json=as_json, found=text)


def show(ctx: typer.Context, task: OneTask, as_json: AsJson = False) -> None:
    """Show all of one task."""
    with connection_of(ctx).client() as client:
        (task_id,) = resolve(client, [task])
        found = client.get(task_id)
    if as_json:
        print_json(found.to_json())
    else:
        screens.console().print(screens.details(found))


def watch(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show the open tasks, then every change as it happens, until Ctrl-C.

    With --json one object in each line: the revision, what was changed, the ids of what was deleted.
    """
    before: Sequence[Task] | None = None
    screen = screens.console()
    with connection_of(ctx).client() as client, closing(client.watch()) as updates, suppress(KeyboardInterrupt):
        for update in updates:
            now = update.snapshot.newest_first()
            if as_json:
                print_json(update_document(update))
            elif before is None:
                screen.print(screens.table([task for task in now if not task.is_completed], screen.width))
            else:
                for line in screens.update_lines(update, before):
                    screen.print(line)
            before = now


def of_state(state: State) -> Filters:
    """The filter for it."""
    return Filters() if state is State.ALL else Filters(is_completed=state is State.DONE)


def _print(tasks: Iterable[Task], *, as_json: bool, found: str | None = None) -> None:
    if as_json:
        print_json([task.to_json() for task in tasks])
    else:
        screen = screens.console()
        screen.print(screens.table(list(tasks), screen.width, found=found))
