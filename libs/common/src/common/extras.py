"""What a service can do only when it was installed with the libraries for it: its extras, of its pyproject.toml."""

from importlib.metadata import PackageNotFoundError, distribution


def are_installed(*packages: str) -> bool:
    """Whether all of these packages are here, by their names in the lock. Imports none of them."""
    try:
        for package in packages:
            distribution(package)
    except PackageNotFoundError:
        return False
    return True
