"""Tests of what needs servers or spans services; each package keeps its own unit tests beside its sources.

Here lie the fixtures (`conftest.py` starts each server once) and what tests share: commands as the gateway makes them,
a clock that stands, waiting for a condition. Each folder says in its `__init__.py` what it proves, and on what.
"""

from pkgutil import iter_modules

import pytest

# So that a helper's assert says how the two sides differ, as one in a test module does.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))
