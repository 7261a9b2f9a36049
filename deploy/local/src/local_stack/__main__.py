"""`python -m local_stack`: starts the whole stack and keeps it running until Ctrl-C or SIGTERM."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from local_stack.errors import StackError
from local_stack.settings import StackSettings, load
from local_stack.stack import Stack, prepare_stack
from local_stack.state import open_state


def main() -> int:
    """The exit status: 0 after a signal to stop, 1 when it could not start."""
    settings = load()
    try:
        asyncio.run(_serve_until_told(settings))
    except StackError as error:
        sys.stderr.write(f"\nTaskwire could not start: {error}\n")
        return 1
    _say("stopped; the data are kept")
    return 0


async def _serve_until_told(settings: StackSettings) -> None:
    serving = asyncio.create_task(_serve(settings))
    _on_stop_signals(serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


async def _serve(settings: StackSettings) -> None:
    began = time.monotonic()
    async with open_state(settings.stack_dir) as state:
        _say(f"Taskwire starts in {state.path}")
        stack = await prepare_stack(settings, state, _step)
        serving = asyncio.current_task()

        def stop() -> None:
            if serving is not None and not serving.cancelling():
                _say("stopping (a second Ctrl-C kills at once)")
                serving.cancel()
            else:
                stack.kill()

        _on_stop_signals(stop)
        try:
            await stack.start()
            _announce(stack, time.monotonic() - began)
            await asyncio.Event().wait()
        finally:
            await stack.stop()


def _on_stop_signals(stop: Callable[[], object]) -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signum, stop)


def _announce(stack: Stack, took_s: float) -> None:
    url, home, known = stack.addresses.gateway_url, stack.state.path, stack.addresses
    _say(
        f"\nTaskwire is ready ({took_s:.1f} s).\n\n"
        f"  To-do list   {url}/\n"
        f"  API          {url}/api/<user id>/tasks\n"
        f"  API docs     {url}/docs\n"
        f"  Status page  {known.gateway_admin_url}/\n\n"
        f"  curl -i {url}/api/7b1f4c9e-52a3-4c55-9a63-0e1f2d3c4b5a/tasks \\\n"
        """      -H 'content-type: application/json' -d '{"title": "Buy milk"}'\n\n"""
        f"Probes and metrics (/readyz, /metrics): gateway {known.gateway_admin_url},\n"
        f"task-reader {known.task_reader_admin_url}, task-writer {known.task_writer_admin_url}.\n"
        f"Logs are in {home}/*.log, addresses in {home}/env. Ctrl-C stops it and keeps the data."
    )


def _step(line: str) -> None:
    _say(f"  {line}")


def _say(line: str) -> None:
    """Prints a line of progress. A terminal that has gone away must not keep the stack from stopping."""
    with suppress(OSError):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
