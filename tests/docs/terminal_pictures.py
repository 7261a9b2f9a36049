"""Programs in a terminal of their own, and what it shows as an SVG picture that needs nothing from elsewhere."""

import asyncio
import fcntl
import io
import os
import pty
import re
import shlex
import signal
import struct
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.waiting import eventually

COLUMNS, LINES = 96, 40
WITHIN_S = 30.0
OF_OTHER_HOSTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
"""rich would have a browser load a font; without it the reader's own monospace is used."""


@dataclass
class Terminal:
    """A program in a terminal, and all that it has written there."""

    shown: bytearray = field(default_factory=bytearray)
    process: asyncio.subprocess.Process | None = None

    async def shows(self, text: str) -> None:
        """Returns once the text was written."""

        async def is_there() -> bool:
            return text.encode() in self.shown

        await eventually(is_there, within_s=WITHIN_S)

    def interrupt(self) -> None:
        """Ctrl-C."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)


@asynccontextmanager
async def running(arguments: list[str | Path], environment: Mapping[str, str]) -> AsyncIterator[Terminal]:
    """The program in a terminal of COLUMNS; it has ended, and all of its output is there, once this is left."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    terminal = Terminal()
    variables = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment}
    terminal.process = await asyncio.create_subprocess_exec(
        *arguments, stdin=its, stdout=its, stderr=its, env=variables
    )
    os.close(its)
    reading = asyncio.create_task(asyncio.to_thread(_read_all, ours, terminal.shown))
    try:
        yield terminal
        async with asyncio.timeout(WITHIN_S):
            await terminal.process.wait()
            await reading
    finally:
        if terminal.process.returncode is None:
            terminal.process.kill()
        await reading
        os.close(ours)


def _read_all(terminal: int, into: bytearray) -> None:
    with suppress(OSError):  # Linux ends with an error what everybody else has closed
        while part := os.read(terminal, 65_536):
            into += part


def svg(session: list[tuple[str, bytes]]) -> str:
    """A picture of commands and what each has written, one below the other."""
    screen = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command, shown in session:
        screen.print(Text(f"$ {command}", style="bold green"))
        screen.print(Text.from_ansi(shown.decode().replace("\r\n", "\n").rstrip("\n")))
    picture = screen.export_svg(
        title="taskwire", code_format=OF_OTHER_HOSTS.sub("", CONSOLE_SVG_FORMAT), unique_id="taskwire"
    )
    return "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"


async def taken(program: str | Path, commands: list[str], environment: Mapping[str, str]) -> str:
    """A picture of these commands, which are written as in a shell and begin with the program's name."""
    session = []
    for command in commands:
        async with running([program, *shlex.split(command)[1:]], environment) as terminal:
            pass
        session.append((command, bytes(terminal.shown)))
    return svg(session)
