"""The tutorial, live through Tango: what a scan is from arming to its results."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from tango import DevState
from tests.free_ports import free_url
from tests.tangods.devices import Ensemble, properties, proxies, running

from dranspose.replay import replay
from dranspose.simulate.player import messages, play
from dranspose_tango.testing.change_events import ChangeEvents, wait_for

WORKER, REDUCER = "s12_poni.worker:TestWorker", "s12_poni.reducer:TestReducer"


@pytest.fixture
def url() -> str:
    """Return where the detector is."""
    return free_url()


@pytest.fixture
def ensemble(tutorial: Path, url: str) -> Iterator[Ensemble]:
    with running(properties(tutorial, WORKER, REDUCER, url, tutorial / "state")):
        devices = proxies()
        devices.wait_for_nodes()
        yield devices


@pytest.fixture
def detector(tutorial: Path, url: str, ensemble: Ensemble) -> Iterator[None]:  # later: Tango probes ports
    """Send the tutorial's capture as soon as somebody connects."""
    stop, bound = threading.Event(), threading.Event()
    to_send = messages(tutorial / "data" / "dump_xrd.cbors")
    thread = threading.Thread(target=play, args=(to_send, url, stop), kwargs={"bound": lambda url: bound.set()})
    thread.start()
    bound.wait()
    yield
    stop.set()
    thread.join()


def datasets(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: dataset[()] for name, dataset in file.items()}


@pytest.mark.usefixtures("detector")
def test_a_scan_gives_the_datasets_that_replay_gives(ensemble: Ensemble, tutorial: Path) -> None:
    with ChangeEvents(ensemble.controller, "State") as states:
        ensemble.controller.UploadParameter(("poni", (tutorial / "geometry.poni").read_bytes()))
        ensemble.controller.write_attribute("till_x", 3)
        ensemble.controller.write_attribute("from_y", 7)
        scan = ensemble.controller.Arm(json.dumps({"streams": ["xrd"], "scan": {"nb_points": 9}}))
        assert ensemble.controller.State() in (DevState.MOVING, DevState.RUNNING)
        states.wait_for(lambda state: state is DevState.RUNNING)
        states.wait_for(lambda state: state is DevState.STANDBY)
    assert ensemble.controller.scanId == scan
    assert (ensemble.controller.completedEvents, ensemble.controller.totalEvents) == (11, 11)
    assert (ensemble.controller.progress, ensemble.controller.failedEvents) == (100, 0)
    wait_for(ensemble.reducer, "published", lambda names: "I" in (names or ()))
    shown = wait_for(ensemble.reducer, "I", lambda value: value is not None and len(value) == 10)
    live = datasets(tutorial / "output" / "xrd_processed.h5")
    np.testing.assert_array_equal(shown, live["I"])
    (tutorial / "output" / "xrd_processed.h5").unlink()

    replay(WORKER, REDUCER, ["data/dump_xrd.cbors"], parameter_file="s12_poni/parameters.json")
    replayed = datasets(tutorial / "output" / "xrd_processed.h5")
    assert live.keys() == replayed.keys()
    for name, value in replayed.items():
        np.testing.assert_array_equal(live[name], value, err_msg=name)


@pytest.mark.usefixtures("detector")
def test_a_scan_is_recorded_where_the_controller_says(ensemble: Ensemble, tutorial: Path) -> None:
    ensemble.controller.UploadParameter(("poni", (tutorial / "geometry.poni").read_bytes()))
    with ChangeEvents(ensemble.ingester, "capturePath") as paths:
        ensemble.controller.SaveCapture(str(tutorial / "scan-"))
        paths.wait_for(lambda path: path == str(tutorial / "scan-"))
    with ChangeEvents(ensemble.ingester, "recording") as recording:
        scan = ensemble.run(json.dumps({"streams": ["xrd"], "scan": {"nb_points": 9}}))
        recording.wait_for(lambda text: text == "the scan was recorded")
    assert ensemble.ingester.recordedEvents == 11
    capture = Path(ensemble.ingester.captureFile)
    assert capture.parent == tutorial
    assert scan.replace("-", "") in capture.name
