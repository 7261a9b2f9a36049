"""The checks of what proves nothing find what is planted."""

import pytest

from . import proof
from .sources import Source

HERE = "tests/integration/test_keys.py"


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(1)",
        "import asyncio\nasync def wait():\n    await asyncio.sleep(0)",
        "from asyncio import sleep\nasync def wait():\n    await sleep(0.1)",
        "from time import sleep as pause\npause(1)",
        "import asyncio as a\nasync def wait():\n    await a.sleep(seconds)",
    ],
)
def test_a_planted_sleep_is_found(text: str) -> None:
    assert len(proof.sleeps(Source(HERE, text))) == 1


def test_waiting_may_sleep() -> None:
    text = "import asyncio\nasync def eventually():\n    await asyncio.sleep(0.1)"

    assert proof.sleeps(Source("tests/waiting.py", text)) == []


@pytest.mark.parametrize("text", ["fox.sleep()", "from tests.waiting import turns\nturns()", "'time.sleep(1)'"])
def test_what_is_no_sleep_is_not_found(text: str) -> None:
    assert proof.sleeps(Source(HERE, text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "from unittest.mock import Mock",
        "from unittest import mock",
        "import unittest.mock",
        "import pytest_mock",
        "from gateway import reads\nmonkeypatch.setattr(reads, 'send', other)",
        "from gateway.reads import Reads\nmonkeypatch.setattr(Reads, 'send', other)",
        "import gateway.reads\nmonkeypatch.setattr(gateway.reads, 'send', other)",
        "monkeypatch.setattr('gateway.reads.monotonic', clock)",
        "from task_writer import statements\nmonkeypatch.setattr(statements, 'RUN_COMMANDS', text)",
        "handler = make()\nmonkeypatch.setattr(handler, '_settle', other)",
        "monkeypatch.setattr(make().handler, 'settle', other)",
    ],
)
def test_a_planted_stand_in_is_found(text: str) -> None:
    assert len(proof.stand_ins(Source(HERE, text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import socket\nmonkeypatch.setattr(socket, 'getaddrinfo', other)",
        "monkeypatch.setattr('sys.argv', ['task-writer'])",
        "monkeypatch.setattr('gateway.tokens.MAX_REMEMBERED', 3)",
        "from common import health\nmonkeypatch.setattr(health, 'CHECK_WITHIN_S', 0.01)",
        "monkeypatch.setenv('PORT', '1')",
    ],
)
def test_surroundings_and_limits_may_be_others(text: str) -> None:
    assert proof.stand_ins(Source(HERE, text)) == []
