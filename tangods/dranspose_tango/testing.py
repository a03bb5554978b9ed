"""The pytest plugin: what the tests of an analysis find without asking for it."""

from dranspose.azint.fallback import install


def pytest_configure() -> None:
    """Let ``import azint`` in an analysis find the built-in one where no azint is installed."""
    install()
