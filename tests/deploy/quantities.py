"""Kubernetes' quantities and PostgreSQL's sizes, as numbers."""

import re

_UNITS = {
    "m": 0.001,
    "": 1,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    # PostgreSQL's and Docker's, which count in powers of two as well
    "kB": 2**10,
    "MB": 2**20,
    "GB": 2**30,
    "g": 2**30,
}


def quantity(text: str) -> float:
    """Cores, or bytes."""
    found = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", text)
    assert found is not None, text
    return float(found[1]) * _UNITS[found[2]]
