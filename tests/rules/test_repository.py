"""The checks of all files find what is planted."""

import pytest

from . import repository


@pytest.mark.parametrize("host", repository.REGISTRIES)
def test_a_registry_is_found(host: str) -> None:
    assert len(repository.registries_named("README.md", f"pip install --index-url https://{host}/simple")) == 1


def test_the_lock_may_name_registries() -> None:
    assert repository.registries_named("uv.lock", " ".join(repository.REGISTRIES)) == []


@pytest.mark.parametrize("sign", ["<", ">", "|"])
def test_a_merge_marker_is_found(sign: str) -> None:
    assert len(repository.merge_markers("README.md", f"ours\n{sign * 7} HEAD\ntheirs\n")) == 1


def test_a_line_under_a_title_is_no_merge_marker() -> None:
    assert repository.merge_markers("README.md", "Title\n=======\n") == []
