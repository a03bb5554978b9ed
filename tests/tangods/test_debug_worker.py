"""A worker device with the debug class shows what streams bring as attributes."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.free_ports import free_url
from tests.tangods.devices import properties, proxies, running

from dranspose.simulate.stins import StinsDetector, simulate
from dranspose_tango.testing.change_events import wait_for

URL = free_url()


def test_it_gets_its_share_and_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    devices = properties(tmp_path, "dranspose.debug:DebugWorker", "passive:Reducer", URL, tmp_path / "state")
    (tmp_path / "passive.py").write_text(
        "class Reducer:\n    def __init__(self, **kwargs): pass\n    def process_result(self, result): pass\n"
    )
    devices["test/dranspose/worker-2"]["Tags"] = ["debug"]
    stop, bound = threading.Event(), threading.Event()
    detector = StinsDetector(images=4, shape=(3, 5))
    thread = threading.Thread(target=simulate, args=(detector, URL, stop, lambda url: bound.set()))
    with running(devices):
        ensemble = proxies()
        ensemble.wait_for_nodes()
        debug = ensemble.workers[1]
        thread.start()
        bound.wait()
        generic, watched = {"constraint": 0}, {"tags": ["debug"], "constraint": 1}
        xrd = [[generic], [generic, watched], [generic], [generic, watched]]
        ensemble.run(json.dumps({"parts": {"main": {"xrd": xrd}}, "sequence": ["main"]}))
        wait_for(debug, "published", lambda names: names and {"events", "xrd_header", "xrd_image"} <= set(names))
        wait_for(debug, "xrd_header", lambda header: "series_end" in header)
        assert [line.partition(":")[0] for line in debug.events] == ["0", "2", "4", "5"]
        np.testing.assert_array_equal(debug.xrd_image, (np.arange(15) + 3).reshape(3, 5))
        stop.set()
    thread.join()
