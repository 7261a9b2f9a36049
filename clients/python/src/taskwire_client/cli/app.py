"""The application: the options before a command, and what becomes of errors. The commands are in modules beside it."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

from taskwire_client.cli import listing, transfer, writing
from taskwire_client.cli.connection import Connection
from taskwire_client.cli.failures import Failure, lines_about, status_of
from taskwire_client.cli.screens import console, printable
from taskwire_client.problems import TaskwireError

PATIENCE_S = 10.0

app = typer.Typer(
    name="taskwire",
    help="Your tasks on a Taskwire server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def connect(
    ctx: typer.Context,
    url: Annotated[
        str | None, typer.Option(envvar="TASKWIRE_URL", metavar="ADDRESS", help="Where the gateway is.")
    ] = None,
    user: Annotated[str | None, typer.Option(envvar="TASKWIRE_USER", metavar="UUID", help="Whose tasks.")] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="TASKWIRE_TOKEN",
            metavar="TOKEN|@FILE",
            help="A bearer token, or the file that has it. In the environment other users do not see it.",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            envvar="TASKWIRE_PATIENCE", min=0, metavar="SECONDS", help="How long an unavailable server is tried."
        ),
    ] = PATIENCE_S,
) -> None:
    """Your tasks on a Taskwire server."""
    ctx.obj = Connection(url, user, token, patience)


app.command("add", no_args_is_help=True)(writing.add)
app.command("ls")(listing.list_tasks)
app.command("show", no_args_is_help=True)(listing.show)
app.command("done", no_args_is_help=True)(writing.done)
app.command("edit", no_args_is_help=True)(writing.edit)
app.command("rm", no_args_is_help=True)(writing.remove)
app.command("search", no_args_is_help=True)(listing.search)
app.command("watch")(listing.watch)
app.command("import", no_args_is_help=True)(transfer.import_tasks)
app.command("export")(transfer.export_tasks)


def run() -> int:
    """Runs the command of this process's arguments. Its exit status: see failures.py."""
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Failure as failure:
        _say([str(failure)])
        return failure.status
    except TaskwireError as error:
        _say(lines_about(error))
        return status_of(error)
    return 0


def _say(lines: Iterable[str]) -> None:
    screen = console(stderr=True)
    for line in lines:
        screen.print(Text.assemble(("error: ", "bold red"), printable(line)))
