"""What the tests of the plugin share: a copy of the tutorial to work in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def tutorial(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the tutorial's folder, which is the working directory; beside it are the ensembles."""
    ignored = shutil.ignore_patterns("output", "__pycache__")
    for name in ("tutorial", "ensembles"):
        shutil.copytree(project / "resources" / name, tmp_path / name, ignore=ignored)
    monkeypatch.chdir(tmp_path / "tutorial")
    return tmp_path / "tutorial"
