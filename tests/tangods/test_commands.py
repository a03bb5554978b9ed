"""Commands answer at once, whatever the user's code does: they are called while it hangs."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tango
from tests.free_ports import free_url
from tests.tangods.devices import Ensemble, properties, proxies, running

from dranspose.simulate.stins import StinsDetector, simulate
from dranspose_tango.testing.change_events import PATIENCE

URL = free_url()
ANALYSIS = f"""
import threading

HANGS, GO_ON = threading.Event(), threading.Event()
ENDED = []

class Worker:
    def __init__(self, **kwargs):
        pass

    def process_event(self, event):
        HANGS.set()
        GO_ON.wait({PATIENCE})
        ENDED.append(event.event_number)

class Reducer:
    def __init__(self, **kwargs):
        pass

    def process_result(self, result):
        pass
"""


@pytest.fixture
def ensemble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ensemble]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hanging.py").write_text(ANALYSIS)
    with running(properties(tmp_path, "hanging:Worker", "hanging:Reducer", URL, tmp_path / "state")):
        devices = proxies()
        devices.wait_for_nodes()
        yield devices


@pytest.fixture
def detector() -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=simulate, args=(StinsDetector(images=9, shape=(2, 2)), URL, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("detector")
def test_no_command_waits_for_the_analysis(ensemble: Ensemble) -> None:
    controller, worker = ensemble.controller, ensemble.workers[0]
    controller.Arm(json.dumps({"streams": ["xrd"], "scan": {"nb_points": 9}}))
    hanging = sys.modules["hanging"]
    assert hanging.HANGS.wait(PATIENCE)
    for device in (controller, ensemble.ingester, *ensemble.workers, ensemble.reducer):
        device.State()
        device.Status()
        device.Reset()
    controller.DescribeParameters()
    controller.SetParameter(["gain", "2"])
    controller.UploadParameter(("mask", b"\0\1"))
    controller.EventStory(0)
    controller.SaveCapture("")
    with pytest.raises(tango.DevFailed, match="a scan is running"):
        worker.Reload()
    controller.Stop()
    controller.Abort()
    assert hanging.ENDED == []
    hanging.GO_ON.set()
