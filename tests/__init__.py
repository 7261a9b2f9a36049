"""Tests of what needs servers or spans services; each package keeps its own unit tests beside its sources.

Here lie the fixtures (`conftest.py` starts each server once) and what tests share: commands as the gateway makes them,
a clock that stands, waiting for a condition. Each folder says in its `__init__.py` what it proves, and on what.
"""
