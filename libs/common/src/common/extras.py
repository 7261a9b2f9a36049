"""Optional features, installed as extras of a service's pyproject.toml."""

from importlib.metadata import PackageNotFoundError, distribution


def are_installed(*packages: str) -> bool:
    """Whether all of these distributions are installed. Imports none of them."""
    try:
        for package in packages:
            distribution(package)
    except PackageNotFoundError:
        return False
    return True
