"""Captures are read alike with every version of cbor2 that may be installed.

A version is tried where a folder has it: ``pip install --no-deps --target .venv/cbor2-5.6.5 cbor2==5.6.5``.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MODULES = ["test_capture.py", "test_capture_hostile.py", "test_parameter_file.py"]


@pytest.mark.parametrize("version", ["5.6.5", "5.9.0"])
def test_with_another_cbor2(project, version):
    folder = project / ".venv" / f"cbor2-{version}"
    if not folder.is_dir():
        pytest.skip(f"no cbor2 {version}: pip install --no-deps --target {folder} cbor2=={version}")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    used = subprocess.run(
        [sys.executable, "-c", "import cbor2; print(cbor2.__file__)"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert used.stdout.startswith(str(folder))
    modules = [project / "tests" / "core" / module for module in MODULES]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *modules],
        env=environment, cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
