"""The demonstration: what it writes is what a replay of the same images writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from dranspose_tango import cli

TIMEOUT = 300  # seconds; only a test that fails ever waits for so long
DRANSPOSE = shutil.which("dranspose", path=str(Path(sys.executable).parent)) or "dranspose"


def test_the_demonstration_gives_what_replay_gives(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = project / "resources/tutorial/output"
    shutil.rmtree(output, ignore_errors=True)
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    demo = subprocess.run(
        [DRANSPOSE, "demo"], env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert demo.returncode == 0, demo
    assert "11 of 11 events" in demo.stdout
    for file in ("xrd_processed.h5", "xrd_processed.png"):
        assert str(output / file) in demo.stdout
        assert (output / file).stat().st_size

    shutil.copytree(project / "resources/tutorial", tmp_path / "tutorial", ignore=lambda *_: ["output"])
    monkeypatch.chdir(tmp_path / "tutorial")
    analysis = ("-w", "s12_poni.worker:TestWorker", "-r", "s12_poni.reducer:TestReducer")
    assert cli.main(["replay", *analysis, "-f", "data/dump_xrd.cbors", "-p", "s12_poni/parameters.json"]) == 0
    with h5py.File(output / "xrd_processed.h5") as live, h5py.File("output/xrd_processed.h5") as replayed:
        assert set(live) == set(replayed)
        for name in replayed:
            np.testing.assert_array_equal(live[name][()], replayed[name][()])
