"""Runs servers that refuse to be root, when the stack itself is root."""

import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import MissingProgram
from local_stack.settings import find_program

_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _CAP_SETPCAP = 1, 2, 8  # their bits, from linux/capability.h


@dataclass(frozen=True)
class Account:
    """The user that a server runs as, and the command line prefix that switches to it."""

    uid: int
    gid: int
    launcher: tuple[str, ...]


def server_account(program: Path) -> Account:
    """This user, or where this is root, `postgres` or else `nobody`; MissingProgram without util-linux's setpriv.

    The checkout may lie below a directory that only root may enter, whose mode is not ours to change. So the server
    keeps one of root's capabilities: to read and search everywhere. `no_setuid_fixup` makes access(2) honour it, with
    which PostgreSQL looks for its own programs. Where root has no such capability to give, the server goes without.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), ())
    setpriv = find_program("setpriv")
    if setpriv is None:
        raise MissingProgram(
            "PostgreSQL refuses to run as root, and setpriv (package util-linux) is not there to change the user: "
            "install it, run this as another user, or set DATABASE_URL"
        )
    user = _server_user()
    identity = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return Account(user.pw_uid, user.pw_gid, (str(setpriv), *identity, *_kept_capability(program)))


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _kept_capability(program: Path) -> tuple[str, ...]:
    permitted = _permitted_capabilities()
    if not permitted >> _CAP_SETPCAP & 1:
        return ()
    # Reading everywhere does not include running what only root may run, as a umask of 077 leaves it.
    everyone_may_run = program.stat().st_mode & stat.S_IXOTH
    if everyone_may_run and permitted >> _CAP_DAC_READ_SEARCH & 1:
        capability = "dac_read_search"
    elif permitted >> _CAP_DAC_OVERRIDE & 1:
        capability = "dac_override"
    else:
        return ()
    return (f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--securebits=+no_setuid_fixup")


def _permitted_capabilities() -> int:
    """The capabilities, one bit each, that this process has and may pass on; 0 when unknown."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    masks = re.findall(r"^Cap(?:Prm|Bnd):\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    permitted, bounding = (int(mask, 16) for mask in masks)
    return permitted & bounding
