"""What the lock installs for a service, and a folder that has it and nothing else."""

import os
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path, PurePath
from typing import Any

LOCK = tomllib.loads((Path(__file__).parents[1] / "uv.lock").read_text())
PACKAGES: dict[str, dict[str, Any]] = {package["name"]: package for package in LOCK["package"]}


def extras(package: str) -> set[str]:
    """The extras of a service, as its lock has them."""
    return set(PACKAGES[package]["optional-dependencies"])


def installed(package: str, with_extras: Iterable[str] = ()) -> set[str]:
    """Every package that `uv sync --package` brings, without groups, and with these extras."""
    found: set[tuple[str, str]] = set()
    wanted = [(package, extra) for extra in ("", *with_extras)]
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        locked = PACKAGES[name]
        needed = locked["optional-dependencies"].get(extra, []) if extra else locked.get("dependencies", [])
        for dependency in needed:
            wanted += [(dependency["name"], some) for some in ("", *dependency.get("extra", ()))]
    return {name for name, _ in found}


def canonical_name(name: str) -> str:
    """As the lock spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def install(package: str, folder: Path, with_extras: Iterable[str] = ()) -> list[str]:
    """Puts a service into the empty folder, by links to this environment: how to start a Python that sees it alone.

    The members of the workspace are not linked but seen where they are, as they are here.
    """
    sources, here = [], {canonical_name(one.name): one for one in distributions()}
    for name in installed(package, with_extras) & set(here):  # some are for other systems
        files = {file for file in here[name].files or () if ".." not in file.parts}
        site = Path(str(here[name].locate_file("")))
        sources += [(site / file).read_text().strip() for file in files if file.suffix == ".pth"]
        for own in {_own(file, site) for file in files}:
            (folder / own).parent.mkdir(parents=True, exist_ok=True)
            (folder / own).symlink_to(site / own)
    seen = os.pathsep.join([str(folder), *sources])
    return ["env", "-i", f"PYTHONPATH={seen}", f"PATH={os.environ['PATH']}", sys.executable, "-S"]


def _own(file: PurePath, site: Path) -> PurePath:
    """The outermost package that the file is in, or itself where it is in none: several may share a namespace."""
    folders = list(file.parents)[-2::-1]
    packages = (one for one in folders if one.suffix == ".dist-info" or (site / one / "__init__.py").exists())
    return next(packages, file)
