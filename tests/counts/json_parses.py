"""Who parses JSON, and how often."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pydantic
import pydantic_core
import pytest

_PARSERS = {"json", "pydantic", "pydantic_core"}


@contextmanager
def counting_json() -> Iterator[Counter[str]]:
    """Documents parsed from now on in this process, by the calling package.

    All parsing goes on as before. It sees the standard library's and pydantic's; no other parser is installed.
    """
    counts: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patches:
        for owner, name in ((json.JSONDecoder, "decode"), (pydantic.TypeAdapter, "validate_json")):
            patches.setattr(owner, name, _counted(getattr(owner, name), counts))
        bound_to_class = vars(pydantic.BaseModel)["model_validate_json"].__func__
        patches.setattr(pydantic.BaseModel, "model_validate_json", classmethod(_counted(bound_to_class, counts)))
        from_json = pydantic_core.from_json
        for module in list(sys.modules.values()):
            if vars(module).get("from_json") is from_json:  # whoever imports the function has a name of its own for it
                patches.setattr(module, "from_json", _counted(from_json, counts))
        yield counts


def _counted(parse: Callable[..., Any], counts: Counter[str]) -> Callable[..., Any]:
    def count_and_parse(*given: Any, **named: Any) -> Any:
        counts[_asking_package()] += 1
        return parse(*given, **named)

    return count_and_parse


def _asking_package() -> str:
    """The first package up the stack that is not a parser itself."""
    frame = sys._getframe(2)
    while (package := str(frame.f_globals["__name__"]).partition(".")[0]) in _PARSERS and frame.f_back is not None:
        frame = frame.f_back
    return package
