"""What all tests share: the checkout, its tutorial, and the folder of real captures."""

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None)  # how long an example takes is for benchmarks to tell
settings.register_profile("CI", derandomize=True, deadline=None)  # a change is judged by what it changes
settings.load_profile("CI" if os.environ.get("CI") else "here")


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


@pytest.fixture
def tutorial(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the tutorial, which is the working directory."""
    folder = tmp_path / "tutorial"
    shutil.copytree(project / "resources" / "tutorial", folder, ignore=shutil.ignore_patterns("output", "__pycache__"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(autouse=True)
def root_log_level() -> Iterator[None]:
    """Leave the root logger as it was: h5pyd raises its level when it opens a file."""
    level = logging.root.level
    yield
    logging.root.setLevel(level)
