"""A server raises its limit of open files to its limit of connections, as far as the machine allows."""

import resource
from collections.abc import Iterator

import pytest
from common.http_server.server import OTHER_OPEN_FILES, _allow_open_files

HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def soft() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_low_limit_is_raised() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, HARD))

    _allow_open_files(300)

    assert soft() == 300 + OTHER_OPEN_FILES


def test_a_limit_that_is_high_enough_stays() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, HARD))

    _allow_open_files(100)

    assert soft() == 1024


@pytest.mark.skipif(HARD == resource.RLIM_INFINITY, reason="this machine has no hard limit")
def test_the_hard_limit_is_kept() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, HARD))

    _allow_open_files(HARD)

    assert soft() == HARD
