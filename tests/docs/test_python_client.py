"""The README of the Python client: its examples print what it says they do, and it names every exception."""

import inspect
import subprocess
import sys
from uuid import uuid4

import pytest
import taskwire_client

from .pages import ROOT, fences
from .sessions import UUID

PAGE = (ROOT / "clients/python/README.md").read_text()
EXAMPLES = list(zip(fences(PAGE, "python"), fences(PAGE, "text"), strict=True))


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(number: int, gateway_url: str) -> None:
    before = [EXAMPLES[0][0].partition("\n")[0]] if number else []  # its import
    code = "\n".join([*before, UUID.sub(str(uuid4()), EXAMPLES[number][0])]).replace(
        "http://127.0.0.1:8000", gateway_url
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env={"NO_PROXY": "*"}, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.stderr, done.stdout) == ("", EXAMPLES[number][1])


def test_it_names_every_exception() -> None:
    errors = {
        name
        for name, value in vars(taskwire_client).items()
        if inspect.isclass(value) and issubclass(value, taskwire_client.TaskwireError)
    }

    assert {name for name in errors - {"Conflict"} if f"`{name}`" not in PAGE} == set()
