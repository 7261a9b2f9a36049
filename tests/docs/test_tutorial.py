"""What docs/tutorial.md says is so: its pieces, typed one below the other, print what stands under each."""

import subprocess
import sys

from .pages import ROOT, fences
from .sessions import Step, with_fresh_users

PAGE = ROOT / "docs/tutorial.md"
END = "end of the piece"


def test_the_tutorial_prints_what_it_says(gateway_url: str) -> None:
    page = PAGE.read_text()
    pieces = with_fresh_users(
        [Step(*piece) for piece in zip(fences(page, "python"), fences(page, "text"), strict=True)]
    )
    program = "".join(f"{piece.command}\nprint({END!r})\n" for piece in pieces)

    done = subprocess.run(
        [sys.executable, "-c", program.replace("http://127.0.0.1:8000", gateway_url)],
        env={"NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.split(f"{END}\n") == [*(piece.answer for piece in pieces), ""]
