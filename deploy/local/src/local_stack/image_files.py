"""The files of a Docker image, unpacked once into a cache, and its programs run as ordinary processes of this machine.

A container would not do: its process is the engine's, while the stack and its tests stop, freeze and kill what they
started, and find its output and its files in the state directory. So a program is started in a mount namespace of its
own, with the image's files as its root: its pid is the one that was started, and its mounts go when it ends.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.commands import run_to_end
from local_stack.errors import StackError
from local_stack.settings import cache_directory, docker_environment, find_program
from local_stack.supervision import Report
from local_stack.waiting import until

STATE_INSIDE = Path("/mnt")
"""Where a program finds the state directory."""

_PULL_WITHIN_S = 300.0
_UNPACK_WITHIN_S = 300.0
_ANSWER_WITHIN_S = 10.0
_NEEDED = ("unshare", "mount", "chroot", "tar")
# The shells become the program by `exec`. This machine's programs have paths, because PATH is the image's already.
_ENTER = f"""set -e
root=$1 state=$2 mount=$3 chroot=$4
shift 4
for folder in dev proc sys; do "$mount" --rbind "/$folder" "$root/$folder"; done
"$mount" --bind /etc/hosts "$root/etc/hosts"
"$mount" --bind "$state" "$root{STATE_INSIDE}"
exec "$chroot" "$root" /bin/sh -c 'cd {STATE_INSIDE} && exec "$@"' sh "$@"
"""


@dataclass(frozen=True)
class ImageFiles:
    """An unpacked image. It stays while `in_use` is open, also when another process unpacks a newer one."""

    name: str  # rabbitmq:4-management
    root: Path
    path: str  # PATH inside
    in_use: int

    def launcher(self, state: Path) -> tuple[str, ...]:
        """The command line prefix that runs a program inside the image, in the state directory."""
        unshare, mount, chroot = (str(find_program(name)) for name in ("unshare", "mount", "chroot"))
        return (unshare, "--mount", "/bin/sh", "-c", _ENTER, "sh", str(self.root), str(state), mount, chroot)


async def image_files(name: str, report: Report, *, may_pull: bool = True) -> ImageFiles | None:
    """The image's files: the first time 5 s, and 350 MB of disk for RabbitMQ's; later 0.1 s.

    None for other users than root, where neither the cache nor a Docker engine has the image and it cannot or may not
    be pulled, and where file systems cannot be mounted, as in a container without that right.
    """
    if os.geteuid() != 0 or any(find_program(program) is None for program in _NEEDED):
        return None
    cache = cache_directory() / name.replace(":", "-").replace("/", "-")
    cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(cache / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        await _locked(lock)
        files = await _unpacked(name, cache, report, may_pull=may_pull)
    except (StackError, TimeoutError) as error:
        report(f"the image {name} cannot be used: {str(error).strip() or 'another process holds it'}")
        return None
    finally:
        os.close(lock)
    return files if files is not None and await _works(files, cache) else None


async def _locked(lock: int) -> None:
    """Waits for another process that is unpacking the image."""

    async def is_locked() -> bool:
        return _try_lock(lock, fcntl.LOCK_EX)

    await until(is_locked, within_s=_PULL_WITHIN_S + _UNPACK_WITHIN_S)


def _try_lock(file: int, operation: int) -> bool:
    try:
        fcntl.flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _unpacked(name: str, cache: Path, report: Report, *, may_pull: bool) -> ImageFiles | None:
    image = await _image(name, report, may_pull=may_pull)
    if image is None:
        return _kept(name, cache)
    directory = cache / str(image["Id"]).rpartition(":")[2][:16]
    if not directory.exists():
        report(f"unpacking the image {name} into {directory}")
        await _unpack(name, _path_of(image), directory)
    files = _opened(name, directory)
    _remove_others(cache, directory)
    return files


def _kept(name: str, cache: Path) -> ImageFiles | None:
    """The newest unpacked version, when no engine is available."""
    kept = sorted(cache.glob("*/path"), key=lambda file: file.stat().st_mtime)
    return _opened(name, kept[-1].parent) if kept else None


async def _image(name: str, report: Report, *, may_pull: bool) -> Mapping[str, Any] | None:
    """The engine's description of the image, which is pulled if missing; None when that fails or is forbidden."""
    try:
        return await _inspected(name)
    except StackError:
        if not may_pull:
            return None
    try:
        await _docker("version", within_s=_ANSWER_WITHIN_S)
        report(f"pulling the image {name}, for its RabbitMQ; STACK_INSTALL=false forbids it")
        await _docker("pull", "--quiet", name, within_s=_PULL_WITHIN_S)
        return await _inspected(name)
    except StackError:
        return None


async def _inspected(name: str) -> Mapping[str, Any]:
    described = await _docker("image", "inspect", "--format", "{{json .}}", name, within_s=_ANSWER_WITHIN_S)
    found: Mapping[str, Any] = json.loads(next(line for line in described.splitlines() if line.startswith("{")))
    return found


def _path_of(image: Mapping[str, Any]) -> str:
    variables = dict(variable.split("=", 1) for variable in image["Config"]["Env"])
    return str(variables["PATH"])


async def _unpack(name: str, path: str, directory: Path) -> None:
    """Unpacks under another name first, so that an incomplete directory is never used."""
    draft, archive = directory.with_suffix(".new"), directory.with_suffix(".tar")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "root").mkdir(parents=True)
    container = (await _docker("create", name, within_s=_ANSWER_WITHIN_S)).split()[-1]
    try:
        await _docker("export", "--output", str(archive), container, within_s=_UNPACK_WITHIN_S)
        tar = ("tar", "--extract", "--file", str(archive), "--directory", str(draft / "root"))
        await run_to_end(tar, environment=docker_environment(), directory=draft, within_s=_UNPACK_WITHIN_S)
    finally:
        archive.unlink(missing_ok=True)
        await _docker("rm", container, within_s=_ANSWER_WITHIN_S)
    (draft / "path").write_text(path)
    draft.rename(directory)


async def _docker(*arguments: str, within_s: float) -> str:
    """The command's output. StackError when it fails, or without docker."""
    docker = find_program("docker")
    if docker is None:
        raise StackError("there is no `docker`")
    return await run_to_end(
        (str(docker), *arguments), environment=docker_environment(), directory=Path("/"), within_s=within_s
    )


def _opened(name: str, directory: Path) -> ImageFiles:
    in_use = os.open(directory / "path", os.O_RDONLY | os.O_CLOEXEC)
    _try_lock(in_use, fcntl.LOCK_SH)
    return ImageFiles(name, directory / "root", (directory / "path").read_text(), in_use)


def _remove_others(cache: Path, kept: Path) -> None:
    """Removes other versions of the image, except those that a process uses."""
    for directory in cache.iterdir():
        if directory == kept or not (directory / "path").exists():
            continue
        file = os.open(directory / "path", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _try_lock(file, fcntl.LOCK_EX):
                shutil.rmtree(directory)
        finally:
            os.close(file)


async def _works(files: ImageFiles, state: Path) -> bool:
    """Whether a program of the image can be started at all."""
    try:
        await run_to_end(
            (*files.launcher(state), "/bin/true"),
            environment=docker_environment(),
            directory=state,
            within_s=_ANSWER_WITHIN_S,
        )
    except StackError:
        return False
    return True
