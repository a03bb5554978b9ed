"""The panel, in an environment with Taurus, offscreen: runs the tests of `tests/panel` there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLKIT = "import PyQt5.QtWidgets, taurus, taurus_pyqtgraph"


@pytest.fixture
def python() -> str:
    """Return the interpreter of the environment with Taurus, which the Makefile has made beside this one's packages."""
    interpreter = Path(sys.prefix, "gui", "bin", "python")
    if not interpreter.exists():
        pytest.skip(f"there is no {interpreter}: run `make {Path(sys.prefix).name}/gui.installed`")
    tried = subprocess.run([interpreter, "-c", TOOLKIT], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"Taurus does not install here: {tried.stderr.strip().splitlines()[-1]}")
    return str(interpreter)


@pytest.mark.timeout(0)  # each of its tests has one
def test_the_panel(python: str, project: Path) -> None:
    command = [python, "-m", "pytest", "-W", "default", "-p", "no:cacheprovider", "tests/panel"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_API": "pyqt5"}
    tests = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert tests.returncode == 0, tests.stdout + tests.stderr
