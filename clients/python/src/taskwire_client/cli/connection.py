"""The client that the options of the command line ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from taskwire_client.client import Client
from taskwire_client.exchange import Options, Retries


@dataclass(frozen=True)
class Connection:
    """Where the gateway is, who asks, and for how long it is tried."""

    url: str | None
    user: str | None
    token: str | None
    patience_s: float

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client. typer.BadParameter where an option is missing or wrong."""
        if not self.url:
            raise typer.BadParameter("say where the gateway is: --url, or TASKWIRE_URL in the environment")
        if not self.user:
            raise typer.BadParameter("say whose tasks: --user, or TASKWIRE_USER in the environment")
        options = Options(retries=Retries(total_s=self.patience_s), reads_own_writes=True)
        try:
            client = Client(self.url, self.user, token=self.token or None, options=options)
        except ValueError as error:
            raise typer.BadParameter(f"--url or --user: {error}") from None
        with client:
            yield client


def connection_of(ctx: typer.Context) -> Connection:
    """What the options before the command have said."""
    found = ctx.find_object(Connection)
    assert found is not None  # noqa: S101 - the callback of the application sets it
    return found
