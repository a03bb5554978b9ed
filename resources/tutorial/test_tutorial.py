"""The last stage as it runs at the beamline, but for the detector: `pytest` in this folder, or anywhere above."""

from pathlib import Path

import h5py
import numpy as np
import pytest

WORKER, REDUCER = "s12_poni.worker:TestWorker", "s12_poni.reducer:TestReducer"


@pytest.fixture(autouse=True)
def in_this_folder(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)


def test_intensities(replay):
    parameters = {"till_x": 3, "from_y": 7, "poni": Path("geometry.poni").read_bytes()}
    live = replay(WORKER, REDUCER, "data/dump_xrd.cbors", parameters)

    assert live.controller.completedEvents == 11
    assert live.reducer.intensity[1:3] == pytest.approx([8.6667, 11.5556], abs=1e-4)
    assert live.reducer_object.publish["I"].shape == (10, 5)
    with h5py.File("output/xrd_processed.h5") as file:
        np.testing.assert_array_equal(file["I"], live.reducer.I)
