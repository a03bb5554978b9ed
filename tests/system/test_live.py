"""A live pipeline of real processes: the tutorial's classes, and what a scan comes to."""

from pathlib import Path

import h5py
import numpy as np
from tests.free_ports import free_url
from tests.system.ensemble import Ensemble

from dranspose.simulate.stins import StinsDetector
from dranspose.triggermap import TriggerMap

URL = free_url()


def test_the_tutorial_runs_live(tutorial: Path) -> None:
    poni = (tutorial / "geometry.poni").read_bytes()
    with Ensemble(tutorial, "s12_poni.worker:TestWorker", "s12_poni.reducer:TestReducer", {"poni": poni}) as ensemble:
        ensemble.start_reducer()
        for name in ("worker-1", "worker-2"):
            ensemble.start_worker(name)
        ensemble.start_ingester("ingester", {"xrd": URL})
        ensemble.wait_for(ingesters=1, workers=2)
        ensemble.start_detector(StinsDetector(images=9, shape=(10, 10), filename="output/xrd.h5"), URL)
        status = ensemble.run_scan(TriggerMap.from_json({"uniform": {"streams": ["xrd"], "events": 9}}))
    assert status.report is not None
    assert (status.failed, status.report.completed, status.report.failed) == ("", 11, 0), status
    with h5py.File(tutorial / "output" / "xrd_processed.h5") as file:
        images = [(np.arange(100) + image).reshape(10, 10) % 127 for image in range(9)]
        np.testing.assert_allclose(file["reduced"][1:], [image[:2, 8:].mean() for image in images])
