"""A detector that is started again in mid scan: what was lost is missing, and everything else is in its event."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.system.ensemble import PATIENCE, Ensemble

from dranspose.simulate.outlet import Outlet
from dranspose.simulate.stins import StinsDetector, encoder, plan
from dranspose.triggermap import TriggerMap

IMAGES = 30
SENT_BEFORE = 11
LOST = 4
"""Messages between those that were sent before and after."""


def test_a_detector_that_is_started_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    detector = StinsDetector(images=IMAGES, shape=(2, 2))
    messages = [encoder(detector)(step) for step in plan(detector)]
    stop = threading.Event()
    with Ensemble(
        tmp_path, "tests.system.recalling:RecallingWorker", "tests.system.recalling:RecallingReducer"
    ) as ensemble:
        ensemble.start_reducer()
        ensemble.start_worker("worker")
        with Outlet("tcp://127.0.0.1:*", stop) as before:
            ensemble.start_ingester("ingester", {"camera": before.url})
            ensemble.wait_for(ingesters=1, workers=1)
            trigger_map = TriggerMap.from_json({"uniform": {"streams": ["camera"], "events": IMAGES}})
            scan = ensemble.controller.arm(trigger_map)
            assert all(map(before.send, messages[:SENT_BEFORE]))
            ensemble.controller.wait_until(
                lambda status: status.report is not None and status.report.completed == SENT_BEFORE, PATIENCE
            )
        with Outlet(before.url, stop) as after:
            assert all(map(after.send, messages[SENT_BEFORE + LOST :]))
            status = ensemble.wait_for_end(scan)
    assert status.failed == ""
    assert status.report is not None
    assert (status.report.missing, status.report.failed) == (LOST, 0)
    events = pickle.loads((tmp_path / "events.pickle").read_bytes())
    images = {event: events[event]["camera"]["data"] for event in sorted(events)[1:-1]}
    assert list(images) == [*range(1, SENT_BEFORE), *range(SENT_BEFORE + LOST, IMAGES + 1)]
    for event, image in images.items():
        np.testing.assert_array_equal(image.ravel(), np.arange(4) + event - 1)
    assert f"stream 'camera': lost the connection to {before.url}, connecting again" in capfd.readouterr().err
