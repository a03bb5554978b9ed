"""Values of parameters on their way to the workers: whole, to all of them, from one event on, and for good."""

from __future__ import annotations

import hashlib
import json
from itertools import groupby

import numpy as np
import pytest
from tests.tangods.processes.conftest import IMAGES, Folder, Start

from dranspose_tango.ensemble_file import read_ensemble
from dranspose_tango.launch import launched
from dranspose_tango.remote import RemoteController
from dranspose_tango.testing.change_events import ChangeEvents
from dranspose_tango.testing.processes import LiveEnsemble
from dranspose_tango.testing.scans import wait_until_ready

UPLOAD_TIMEOUT = 100_000  # milliseconds; a client's default of 3 s is meant for small values


def upload(live: LiveEnsemble, folder: Folder, way: str, content: bytes) -> None:
    controller = live.controller
    controller.set_timeout_millis(UPLOAD_TIMEOUT)
    match way:
        case "attribute":
            controller.write_attribute("mask", ("", content))
        case "command":
            controller.UploadParameter(("mask", content))
        case "path":
            file = folder.path / "uploads/mask"
            file.write_bytes(content)
            controller.write_attribute("maskFile", str(file))


@pytest.mark.parametrize("size", [10**6, 10**8])
def test_large_ones_reach_every_worker_as_they_are(start: Start, folder: Folder, size: int) -> None:
    live = start()
    for way in ("attribute", "path", "command"):
        content = np.random.default_rng().bytes(size)
        upload(live, folder, way, content)
        live.run()
        found = {result["worker"]: result["mask"] for result in folder.results() if result["mask"]}
        expected = hashlib.sha256(content).hexdigest()
        assert found == dict.fromkeys(("small/dranspose/worker-1", "small/dranspose/worker-2"), expected), way


def test_they_change_at_one_event_for_all_workers(start: Start, folder: Folder) -> None:
    live = start()
    controller = live.controller
    controller.write_attribute("pause", 0.01)
    hashes = {1: controller.parametersHash}
    with ChangeEvents(controller, "State") as state, ChangeEvents(controller, "completedEvents") as completed:
        controller.Arm(json.dumps({"streams": ["xrd"], "scan": {"nb_points": IMAGES}}))
        enough = 20
        for gain in (2, 3):
            completed.wait_for(lambda events, enough=enough: events >= enough)
            controller.write_attribute("gain", gain)
            hashes[gain] = controller.parametersHash
            enough = controller.completedEvents + 20
        state.wait_for(lambda state: state.name == "RUNNING")
        state.wait_for(lambda state: state.name != "RUNNING")
    results = folder.results()
    runs = [
        (key, len({result["event"] for result in run}))
        for key, run in groupby(results, lambda r: (r["gain"], r["hash"]))
    ]
    assert [key for key, _ in runs] == [(gain, hashes[gain]) for gain in (1, 2, 3)]
    assert sum(events for _, events in runs) == IMAGES + 2
    assert len({result["worker"] for result in results}) == 2


def test_they_outlive_the_controller_and_the_database(
    folder: Folder, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    mask = np.random.default_rng().bytes(10**6)
    hashes = []
    for value in ("17", None):
        with launched(read_ensemble(folder.description), None) as launch:
            controller, *others = (
                f"tango://{launch.running.tango_host}/{device.name}" for device in launch.ensemble.devices
            )
            wait_until_ready(controller, others, launch.attend)
            remote = RemoteController(controller)
            if value:
                remote.device.write_attribute("gain", int(value))
                remote.device.write_attribute("mask", ("", mask))
            assert remote.device.gain == 17
            assert remote.device.read_attribute("gain").w_value == 17
            assert remote.device.mask[1] == mask
            hashes.append(remote.device.parametersHash)
    assert hashes[0] == hashes[1]
