"""Files that the gateway serves as they are."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

NO_HEADERS: Mapping[str, str] = {}


class _WholeFile(FileResponse):
    """A file that is always sent whole: a server may ignore Range (RFC 9110, section 14.2), and
    Starlette does not answer invalid ranges with problems."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def serving(path: Path, headers: Mapping[str, str] = NO_HEADERS) -> Callable[[], Awaitable[FileResponse]]:
    """An endpoint that answers with the file, and with these headers."""
    sent = {"Accept-Ranges": "none", **headers}

    async def file() -> FileResponse:
        return _WholeFile(path, headers=sent)

    return file
