"""The live view during a scan at full rate, as h5pyd and silx read it."""

from __future__ import annotations

from pathlib import Path

import h5pyd
import numpy as np
import pytest
import silx.io
from silx.io.nxdata import get_default
from tests.free_ports import free_url
from tests.system.ensemble import PATIENCE, Ensemble

from dranspose.dataplane.controller import Phase
from dranspose.results import Mark, news_since
from dranspose.simulate.stins import StinsDetector
from dranspose.triggermap import TriggerMap

IMAGES = 40_000
ANALYSIS = "tests.system.viewed:FrameWorker", "tests.system.viewed:ViewedReducer"


def test_h5pyd_and_silx_read_a_scan_at_full_rate(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(project)
    url = free_url()
    port = int(free_url().rpartition(":")[2])
    view = f"http://127.0.0.1:{port}/"
    with Ensemble(tmp_path, *ANALYSIS) as ensemble:
        ensemble.start_reducer(http_port=port)
        for name in ("worker-1", "worker-2"):
            ensemble.start_worker(name)
        ensemble.start_ingester("ingester", {"det": url})
        ensemble.wait_for(ingesters=1, workers=2)
        uniform = {"streams": ["det"], "events": IMAGES, "batch": 10}
        scan = ensemble.controller.arm(TriggerMap.from_json({"uniform": uniform}))
        ensemble.controller.wait_until(lambda status: status.phase is Phase.RUNNING, PATIENCE)
        ensemble.start_detector(StinsDetector(images=IMAGES), url)

        seen: dict[int, int] = {}
        mark, looks = Mark(), 0
        while len(seen) < IMAGES:
            with silx.io.open(view) as file:
                plot = get_default(file)
                if plot is not None:  # there are results
                    assert plot.is_valid
                    double, frame = plot.signal[()], plot.axes[0][()]
                    assert len(double) == len(frame)
                    came = double > 0  # when the signal was read: some more when the axis was
                    np.testing.assert_array_equal(double[came], 2 * frame[came])
                    assert file["entry/data/image"][0:2].shape == (2, 512)
                    looks += 1
            with h5pyd.File("/", "r", endpoint=view) as file:
                news = news_since(mark, file)
            mark = news.mark
            assert seen.keys().isdisjoint(news.events)
            seen |= dict(zip(news.events.tolist(), news.values.get("double", []), strict=True))
        status = ensemble.wait_for_end(scan)
    assert status.report is not None
    assert (status.failed, status.report.completed, status.report.failed) == ("", IMAGES + 2, 0)
    assert seen == {1 + frame: 2 * frame for frame in range(IMAGES)}
    assert looks > 1
