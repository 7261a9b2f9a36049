"""The client that the options of the command line ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import typer

from taskwire_client.cli.failures import WRONG_USE, Failure
from taskwire_client.client import Client
from taskwire_client.exchange import Options, Retries
from taskwire_client.session import Token, checked_token

FILE = "@"  # begins the name of a file with the token, as with curl; no token begins with it


def token_of(option: str) -> Token:
    """The bearer token that the option says, or what reads it from the file that it names, for each request.
    typer.BadParameter, which does not show it, where it cannot be one."""
    if option.startswith(FILE):
        return partial(token_in, Path(option.removeprefix(FILE)))
    try:
        return checked_token(option)
    except ValueError as error:
        raise typer.BadParameter(f"--token: {error}") from None


def token_in(file: Path) -> str:
    """The token in the file, without the white space around it. Failure where there is none."""
    try:
        return checked_token(file.read_text(encoding="ascii").strip())
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}", WRONG_USE) from None
    except UnicodeDecodeError:
        raise Failure(f"{file}: not a bearer token, but something else than text", WRONG_USE) from None
    except ValueError as error:
        raise Failure(f"{file}: {error}", WRONG_USE) from None


@dataclass(frozen=True)
class Connection:
    """Where the gateway is, who asks, and for how long it is tried."""

    url: str | None
    user: str | None
    token: str | None = field(repr=False)
    patience_s: float

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client. typer.BadParameter where an option is missing or wrong."""
        if not self.url:
            raise typer.BadParameter("say where the gateway is: --url, or TASKWIRE_URL in the environment")
        if not self.user:
            raise typer.BadParameter("say whose tasks: --user, or TASKWIRE_USER in the environment")
        token = token_of(self.token) if self.token else None
        options = Options(retries=Retries(total_s=self.patience_s), reads_own_writes=True)
        try:
            client = Client(self.url, self.user, token=token, options=options)
        except ValueError as error:
            raise typer.BadParameter(f"--url or --user: {error}") from None
        with client:
            yield client


def connection_of(ctx: typer.Context) -> Connection:
    """What the options before the command have said."""
    found = ctx.find_object(Connection)
    assert found is not None  # noqa: S101 - the callback of the application sets it
    return found
