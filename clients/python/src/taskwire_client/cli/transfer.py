"""The commands import and export."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from taskwire_client.cli import screens
from taskwire_client.cli.connection import connection_of
from taskwire_client.cli.drafts import Draft
from taskwire_client.cli.failures import REFUSED, Failure
from taskwire_client.cli.files import STANDARD, Format, format_of, read_drafts, write_tasks
from taskwire_client.cli.listing import State, of_state
from taskwire_client.client import Client
from taskwire_client.operations import in_batches
from taskwire_client.problems import InvalidRequest, TaskwireError
from taskwire_client.tasks import Filters

Form = Annotated[Format | None, typer.Option("--format", "-f", help="By default that of the file's ending.")]


def export_tasks(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to; - is standard output.")] = STANDARD,
    form: Form = None,
    state: Annotated[State, typer.Option("--state", "-s", help="Which tasks.")] = State.ALL,
) -> None:
    """Write tasks to a file, oldest first: JSON, CSV or iCalendar."""
    chosen = format_of(file, form)
    with connection_of(ctx).client() as client:
        tasks = list(client.tasks(**of_state(state) | Filters(order="created_at")))
    write_tasks(file, chosen, tasks)
    if file != STANDARD:
        _say(f"{len(tasks):,} tasks written to {file}")


def import_tasks(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where from; - is standard input.")],
    form: Form = None,
) -> None:
    """Create the tasks of a file: JSON, CSV or iCalendar.

    Title, description and completion are taken; ids and times are new. Imported twice, they are there twice.
    """
    drafts = read_drafts(file, format_of(file, form))
    with connection_of(ctx).client() as client:
        _create(client, drafts)
    _say(f"{len(drafts):,} tasks created")


def _create(client: Client, drafts: list[Draft]) -> None:
    """Creates them in their order, a thousand at a time. Failure with what has been done where a task is refused."""
    created = 0
    for batch in in_batches(draft.operation() for draft in drafts):
        try:
            results = client.batch(batch)
        except InvalidRequest as error:
            faults = (f"task {_number(fault.pointer, created)}: {fault.detail}" for fault in error.errors)
            text = "\n".join([*faults] or [str(error)])
            raise Failure(f"{text}\n{created:,} of {len(drafts):,} tasks were created.", REFUSED) from None
        except TaskwireError:
            if created:
                _say(f"{created:,} of {len(drafts):,} tasks were created.")
            raise
        for result in results:
            if result.problem is not None:
                raise result.problem
        created += len(batch)


def _number(pointer: str, before: int) -> str:
    """Which task of the file a pointer is about, `#/operations/3/title`, and which of its fields."""
    _, _, index, *field = pointer.split("/")
    return " ".join([str(before + int(index) + 1), *field])


def _say(text: str) -> None:
    screens.console(stderr=True).print(Text(screens.printable(text), style="green"))
