"""The state directory: data, logs, pid files, and values that stay the same between starts."""

import fcntl
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.errors import AlreadyRunning
from local_stack.leftovers import end_leftovers
from local_stack.ports import TakenPorts, is_free, pick_port


@dataclass(frozen=True)
class State:
    """An opened state directory. Only `open_state` makes one, and it holds the lock meanwhile; no link is in `path`."""

    path: Path
    ports: TakenPorts = field(default_factory=TakenPorts)

    def pid_file(self, name: str) -> Path:
        return self.path / f"{name}.pid"

    def log_file(self, name: str) -> Path:
        return self.path / f"{name}.log"


@asynccontextmanager
async def open_state(path: Path) -> AsyncIterator[State]:
    """Makes the directory where it is missing, locks it, and ends what a killed predecessor left running in it.

    AlreadyRunning when another process holds it. What the body leaves running is ended on the way out.
    """
    directory = _made(path)
    with _locked(directory):
        await end_leftovers(directory)
        _forget_pids(directory)
        state = State(directory)
        try:
            yield state
        finally:
            await end_leftovers(directory)
            state.ports.release()


def _made(path: Path) -> Path:
    directory = path.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _forget_pids(directory: Path) -> None:
    """Removes a killed predecessor's pid files: their numbers may be someone else's by now."""
    for pid_file in directory.glob("*.pid"):
        pid_file.unlink()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"a stack already runs in {directory}: stop it, or set STACK_DIR and GATEWAY_PORT for a second one"
            ) from None
        yield


def remembered(state: State, name: str, make: Callable[[], str]) -> str:
    """The value kept under this name in the state directory; made and kept on the first call."""
    known = _read(state)
    if name not in known:
        known[name] = make()
        _write(state, known)
    return known[name]


def remembered_password(state: State, name: str) -> str:
    """The random password kept under this name; it needs no quoting in a URL or a configuration file."""
    return remembered(state, f"{name}-password", lambda: secrets.token_hex(24))


def remembered_port(state: State, name: str, *, preferred: int | None = None) -> int:
    """The preferred loopback port, or the one of the last start, or a new one, which is kept: the first of
    them that is free. It is taken from now on, until the state directory is closed."""
    known = _read(state)
    for port in (preferred or 0, int(known.get(f"{name}-port", "0"))):
        if port != 0 and is_free(port) and state.ports.take(name, port):
            return port
    others = frozenset(int(value) for key, value in known.items() if key.endswith("-port"))
    while not state.ports.take(name, port := pick_port(avoid=others)):
        pass  # another stack was faster
    _write(state, known | {f"{name}-port": str(port)})
    return port


def write_private(path: Path, text: str) -> None:
    """Replaces a file in one step, readable by its owner alone."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def _read(state: State) -> dict[str, str]:
    path = state.path / "identity.json"
    if not path.exists():
        return {}
    known: dict[str, str] = json.loads(path.read_text())
    return known


def _write(state: State, known: dict[str, str]) -> None:
    write_private(state.path / "identity.json", json.dumps(known, indent=2) + "\n")
