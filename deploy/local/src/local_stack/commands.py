"""Runs commands to their end; processes that stay are in supervision.py."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_stack.errors import StackError

_SHOWN_LINES = 15


async def run_to_end(
    arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path, within_s: float
) -> str:
    """The command's output and errors. It runs in its own session, without input, and never outlives this call.

    StackError with the end of its output when it ends with another status than 0, or has not ended after `within_s`.
    """
    command = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=directory,
        env=environment,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within_s):
            output, _ = await command.communicate()
    except TimeoutError:
        raise StackError(f"`{' '.join(arguments)}` did not end within {within_s:.0f} s") from None
    finally:
        if command.returncode is None:
            command.kill()
            await command.wait()
    printed = output.decode(errors="replace")
    if command.returncode != 0:
        end = "\n".join(printed.splitlines()[-_SHOWN_LINES:])
        raise StackError(f"`{' '.join(arguments)}` ended with status {command.returncode}. Its last words:\n{end}")
    return printed
