"""What all tests share: the checkout, and the folder of real captures."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def captures() -> Path:
    """Return the folder with captures of real detectors, which ``DRANSPOSE_CAPTURES`` names."""
    named = os.environ.get("DRANSPOSE_CAPTURES")
    if not named or not Path(named).is_dir():
        pytest.skip(f"no captures: DRANSPOSE_CAPTURES names no folder ({named})")
    return Path(named).resolve()


@pytest.fixture(scope="session")
def project() -> Path:
    """Return the root of the checkout."""
    return Path(__file__).parents[1]
