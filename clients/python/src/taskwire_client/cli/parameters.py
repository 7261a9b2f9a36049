"""Parameters that several commands have."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
OneTask = Annotated[str, typer.Argument(metavar="ID", help="The task's id, or the end of it as a table shows it.")]
SomeTasks = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or the end of each.")]
