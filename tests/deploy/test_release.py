"""`make version` writes the version everywhere, and `make release-check` finds what a release must not have.

Each test plants one fault in a small clone that has all that a release needs.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.release import check
from deploy.release.version import GENERATED, WRITTEN, differing, product_version, statements, write

from .dockerfile import ROOT

VERSION = product_version()
ENTRY = f"# Changelog\n\n## [Unreleased]\n\n## [{VERSION}] - 2026-01-31\n\n### Added\n\n- All of it.\n"
WRITES_NOTHING = "import sys\n"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that can be tagged: the real files that state the version, and a changelog that tells of it."""
    folder = tmp_path_factory.mktemp("ready")
    for glob in ("LICENSE", *WRITTEN, *GENERATED):
        for file in ROOT.glob(glob):
            copy = folder / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    (folder / "CHANGELOG.md").write_text(ENTRY)
    for script in check.GENERATORS:
        (folder / script).write_text(WRITES_NOTHING)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "release")
    return folder


@pytest.fixture
def clone(ready: Path, tmp_path: Path) -> Path:
    """A copy of it to plant a fault in."""
    return shutil.copytree(ready, tmp_path / "clone", symlinks=True)


def git(clone: Path, *arguments: str) -> None:
    settings = (
        *("user.name=a test", "user.email=test@example.org", "commit.gpgsign=false"),
        "maintenance.auto=false",  # git would go on in the background, and its lock come and go in a copy
    )
    given = [part for setting in settings for part in ("-c", setting)]
    subprocess.run(["git", *given, *arguments], cwd=clone, check=True, capture_output=True, timeout=30)


def test_a_release_that_has_everything_is_ready(clone: Path) -> None:
    status, text = check.report(clone)

    assert status == 0, text
    assert text.splitlines()[-1] == "Ready to be tagged, if its tests are green."
    assert text.count("  ok  ") == len(check.CHECKS)


OTHER = [
    ("services/gateway/pyproject.toml", f'version = "{VERSION}"', 'version = "9.9.9"'),
    ("uv.lock", f'name = "task-writer"\nversion = "{VERSION}"', 'name = "task-writer"\nversion = "9.9.9"'),
    ("Dockerfile", f"ARG VERSION={VERSION}", "ARG VERSION=9.9.9"),
    ("deploy/kubernetes/overlays/neon/kustomization.yaml", f"newTag: {VERSION}", "newTag: 9.9.9"),
    ("docs/openapi.json", f'    "version": "{VERSION}"', '    "version": "9.9.9"'),
    ("docs/asyncapi.json", f'    "version": "{VERSION}"', '    "version": "9.9.9"'),
]


@pytest.mark.parametrize(("path", "old", "new"), OTHER, ids=[path for path, _, _ in OTHER])
def test_a_place_that_states_another_version_is_named(clone: Path, path: str, old: str, new: str) -> None:
    replace(clone / path, old, new)

    assert check.version_agrees(clone) == [f"{path}: 9.9.9 instead of {VERSION}"]


def test_a_place_that_states_no_version_any_more_is_named(clone: Path) -> None:
    replace(clone / "Dockerfile", f"ARG VERSION={VERSION}", "ARG RELEASE=1")

    assert check.version_agrees(clone) == [f"Dockerfile: no version instead of {VERSION}"]


def test_a_version_is_written_everywhere_but_in_what_is_generated(clone: Path) -> None:
    write("12.34.56", clone)

    assert product_version(clone) == "12.34.56"
    assert {line.partition(":")[0] for line in differing(clone)} == set(GENERATED)
    assert {one.version for one in statements(clone) if one.path not in GENERATED} == {"12.34.56"}


@pytest.mark.parametrize("version", ["", "1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "1.0.0\n"])
def test_what_is_not_three_numbers_is_written_nowhere(clone: Path, version: str) -> None:
    with pytest.raises(ValueError, match="not three numbers"):
        write(version, clone)

    assert check.tree_is_clean(clone) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            f"## [{VERSION}] - 2026-01-31",
            "## [0.0.1] - 2026-01-31",
            f"CHANGELOG.md has no entry `## [{VERSION}] - YYYY-MM-DD`",
        ),
        (f"[{VERSION}] - 2026-01-31", f"[{VERSION}]", f"CHANGELOG.md has no entry `## [{VERSION}] - YYYY-MM-DD`"),
        ("2026-01-31", "2026-02-31", "CHANGELOG.md: 2026-02-31 is not a day that has come"),
        ("2026-01-31", "9999-01-31", "CHANGELOG.md: 9999-01-31 is not a day that has come"),
        ("- All of it.\n", "", f"CHANGELOG.md: the entry of {VERSION} says nothing"),
        ("## [Unreleased]\n", "", "CHANGELOG.md has no [Unreleased] above its entries"),
        ("[Unreleased]\n", "[Unreleased]\n\n- More.\n", "CHANGELOG.md: what is in [Unreleased] belongs into the entry"),
    ],
)
def test_a_changelog_that_does_not_tell_of_the_release_is_found(clone: Path, old: str, new: str, fault: str) -> None:
    replace(clone / "CHANGELOG.md", old, new)

    assert check.changelog_has_it(clone) == [fault]


@pytest.mark.parametrize(("tag", "is_over"), [(VERSION, True), ("999.0.0", True), ("0.0.9", False), ("next", False)])
def test_a_version_that_was_released_is_not_released_again(clone: Path, tag: str, is_over: bool) -> None:
    git(clone, "tag", f"v{tag}")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "after it")

    assert bool(check.version_is_new(clone)) is is_over


def test_the_tag_of_the_release_itself_is_no_other_release(clone: Path) -> None:
    git(clone, "tag", f"v{VERSION}")

    assert check.version_is_new(clone) == []


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("LICENSE", "Version 2.0, January 2004", "Version 1.1"),
        ("libs/common/pyproject.toml", 'license = "Apache-2.0"', 'license = "MIT"'),
        ("Dockerfile", 'licenses="Apache-2.0"', 'licenses="MIT"'),
        ("docs/openapi.json", '"identifier": "Apache-2.0"', '"identifier": "MIT"'),
    ],
)
def test_a_licence_that_is_not_stated_is_found(clone: Path, path: str, old: str, new: str) -> None:
    replace(clone / path, old, new)

    (fault,) = check.licence_is_stated(clone)
    assert path in fault


def test_contracts_that_the_code_does_not_generate_are_found(clone: Path) -> None:
    writes = "import pathlib, sys\npathlib.Path(sys.argv[1], 'openapi.json').write_text('{}')\n"
    (clone / "docs" / "generate.py").write_text(writes)

    assert check.contracts_are_current(clone) == ["docs/openapi.json is not what the code says: run `make contracts`"]


def test_all_faults_are_reported_at_once_and_what_is_not_committed_is_listed(clone: Path) -> None:
    replace(clone / "CHANGELOG.md", "- All of it.\n", "")
    for number in range(10):
        (clone / f"new-{number}").touch()

    status, text = check.report(clone)

    assert status == 1
    assert f"the entry of {VERSION} says nothing" in text
    assert "not committed: CHANGELOG.md" in text
    assert "and 3 more" in text
    assert text.splitlines()[-1] == "Not ready: 2 of 6 checks failed."


def replace(file: Path, old: str, new: str) -> None:
    """Replaces the text's first occurrence, which must be there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
