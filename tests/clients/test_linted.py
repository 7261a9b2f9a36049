"""The published description keeps the rules that Redocly recommends."""

from pathlib import Path

from .npm_packages import npm_folder, run

__all__ = ["npm_folder"]

NOT_DECIDED = "info-license"  # this project has not chosen one


def test_redocly_has_nothing_to_say(npm_folder: Path, repository: Path) -> None:
    description = repository / "docs" / "openapi.json"

    run(npm_folder, "redocly", "lint", description, "--extends", "recommended-strict", "--skip-rule", NOT_DECIDED)
