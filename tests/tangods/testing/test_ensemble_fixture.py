"""The fixture `ensemble`, as the tests of an analysis use it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tango import DevState

from dranspose_tango.testing.processes import EnsembleStarter
from dranspose_tango.testing.scans import ScanFailedError

CAPTURE = "data/dump_xrd.cbors"


def test_it_runs_a_scan_of_captures(ensemble: EnsembleStarter, tutorial: Path) -> None:
    live = ensemble("../ensembles/tutorial.toml", CAPTURE)
    assert live.members == ("controller", "ingester-captures", "worker-1", "worker-2", "reducer")
    for _ in range(2):
        live.run()
        assert live.controller.completedEvents == 11
    with h5py.File("output/xrd_processed.h5") as file:
        np.testing.assert_array_equal(file["I"], live.reducer.I)


def test_a_device_that_was_killed_comes_back(ensemble: EnsembleStarter, tutorial: Path) -> None:
    live = ensemble("../ensembles/tutorial.toml", CAPTURE)
    live.run()
    for member in live.members:
        before = live.pid(member)
        live.kill(member)
        live.wait_until_ready()
        assert live.pid(member) != before
        live.run()
        assert live.controller.State() is DevState.STANDBY


def test_a_device_that_cannot_start_is_said(ensemble: EnsembleStarter, tutorial: Path) -> None:
    description = Path("../ensembles/tutorial.toml").read_text().replace("../tutorial", str(tutorial))
    Path("wrong.toml").write_text(description.replace("TestReducer", "Other"))
    with pytest.raises(ScanFailedError, match=r"reducer: .*no class 'Other'"):
        ensemble("wrong.toml", CAPTURE)
