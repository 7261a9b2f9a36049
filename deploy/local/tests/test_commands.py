from pathlib import Path

import pytest
from local_stack.commands import run_to_end
from local_stack.errors import StackError


async def test_a_command_that_fails_is_shown_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"status 3\. .*\nthis and that$"):
        await run_to_end(
            ("/bin/sh", "-c", "echo this and that >&2; exit 3"), environment={}, directory=tmp_path, within_s=10
        )


async def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="did not end within"):
        await run_to_end(("/bin/sleep", "60"), environment={}, directory=tmp_path, within_s=0.1)


async def test_a_command_gets_its_environment_and_directory_alone(tmp_path: Path) -> None:
    await run_to_end(
        ("/bin/sh", "-c", "env > seen; echo $ONE"), environment={"ONE": "1"}, directory=tmp_path, within_s=10
    )

    names = {line.split("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}
    assert names <= {"ONE", "PWD", "_", "OLDPWD", "SHLVL"}
