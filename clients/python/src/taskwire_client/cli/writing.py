"""The commands that change tasks: add, done, edit and rm."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from taskwire_client.cli import screens
from taskwire_client.cli.connection import connection_of
from taskwire_client.cli.parameters import AsJson, OneTask, SomeTasks
from taskwire_client.cli.scripts import print_json
from taskwire_client.cli.short_ids import resolve, short
from taskwire_client.client import Client
from taskwire_client.operations import Operation, in_batches
from taskwire_client.tasks import Fields, Task


def add(
    ctx: typer.Context,
    title: Annotated[
        list[str], typer.Argument(metavar="TITLE...", help="The title; its words need no quotation marks.")
    ],
    description: Annotated[str | None, typer.Option("--description", "-d", help="More about it.")] = None,
    completed: Annotated[bool, typer.Option("--done", help="It is done already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a task."""
    with connection_of(ctx).client() as client:
        task = client.create(" ".join(title), description=description, is_completed=completed)
    _report("added", task, as_json=as_json)


def done(
    ctx: typer.Context,
    tasks: SomeTasks,
    undo: Annotated[bool, typer.Option("--undo", help="Open them again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Complete tasks."""
    with connection_of(ctx).client() as client:
        task_ids = resolve(client, tasks)
        changed = _carried_out(client, [Operation.complete(task_id, is_completed=not undo) for task_id in task_ids])
    if as_json:
        print_json([task.to_json() for task in changed])
        return
    for task in changed:
        _report("reopened" if undo else "done", task, as_json=False)


def edit(
    ctx: typer.Context,
    task: OneTask,
    title: Annotated[str | None, typer.Option("--title", "-t", help="The new title.")] = None,
    description: Annotated[str | None, typer.Option("--description", "-d", help="The new one; '' removes it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change the title or the description of a task."""
    fields = Fields()
    if title is not None:
        fields["title"] = title
    if description is not None:
        fields["description"] = description or None
    if not fields:
        raise typer.BadParameter("say what to change: --title, --description or both")
    with connection_of(ctx).client() as client:
        (task_id,) = resolve(client, [task])
        changed = client.patch(task_id, **fields)
    _report("changed", changed, as_json=as_json)


def remove(ctx: typer.Context, tasks: SomeTasks) -> None:
    """Delete tasks."""
    with connection_of(ctx).client() as client:
        task_ids: list[UUID] = resolve(client, tasks)
        _carried_out(client, [Operation.delete(task_id) for task_id in task_ids])
    for task_id in task_ids:
        screens.console().print(Text.assemble(("deleted ", "red"), (short(task_id), "cyan")))


def _carried_out(client: Client, operations: Sequence[Operation]) -> list[Task]:
    """The tasks afterwards. All are tried; then the first problem is raised."""
    results = [result for batch in in_batches(operations) for result in client.batch(batch)]
    for result in results:
        if result.problem is not None:
            raise result.problem
    return [result.task for result in results if result.task is not None]


def _report(word: str, task: Task, *, as_json: bool) -> None:
    if as_json:
        print_json(task.to_json())
    else:
        screens.console().print(screens.line(word, task, "green"))
