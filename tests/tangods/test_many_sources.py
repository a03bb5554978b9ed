"""A scan of nine sources at once, in real processes: each event has what belongs to it, and nothing else."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import urlsplit

import pytest
import tango
from tests.system.ensemble import free_url
from tests.tangods.test_up import TIMEOUT, Up

from dranspose.simulate import albaem, contrast, positioncap, sardana, xspress3
from dranspose.simulate.player import play
from dranspose.simulate.stins import StinsDetector, simulate
from dranspose_tango.remote import RemoteController

EVENTS = 24
EVERY = {
    "camera": 1,
    "spectra": 1,
    "points": 1,
    "panda": 2,
    "shots": 2,
    "currents": 3,
    "sardana": 4,
    "reads": 6,
    "temperature": 8,
}
"""In how many events each stream has one frame."""

CAMERA, SPECTRA, POINTS, PANDA, SHOTS, CURRENTS = (free_url() for _ in range(6))
OVEN = urlsplit(free_url()).netloc

ENSEMBLE = f"""
    name = "small"

    [[ingester]]
    streams = ["camera"]
    source = "stins"
    url = "{CAMERA}"
    read_along = {{ reads = "tango://{OVEN}/lab/oven/1/reads#dbase=no" }}

    [[ingester]]
    streams = ["spectra"]
    source = "xspress3"
    url = "{SPECTRA}"

    [[ingester]]
    streams = ["points"]
    source = "contrast"
    url = "{POINTS}"

    [[ingester]]
    streams = ["panda"]
    source = "positioncap"
    url = "{PANDA}"

    [[ingester]]
    streams = ["shots"]
    source = "scope:ScopeSource"
    url = "{SHOTS}"

    [[ingester]]
    streams = ["currents"]
    source = "albaem"
    url = "{CURRENTS}"

    [[ingester]]
    streams = ["sardana"]
    source = "sardana"

    [[ingester]]
    streams = ["temperature"]
    source = "tango"
    url = "tango://{OVEN}/lab/oven/1/temperature#dbase=no"

    [worker]
    class = "recalling:RecallingWorker"
    count = 2

    [reducer]
    class = "recalling:RecallingReducer"
"""


def frames_of(stream: str) -> int:
    return EVENTS // EVERY[stream]


@pytest.fixture
def folder(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the ensemble, with an analysis and the source that the documentation shows."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TANGO_HOST", raising=False)
    (tmp_path / "ensemble.toml").write_text(dedent(ENSEMBLE))
    shutil.copy(project / "tests/system/recalling.py", tmp_path)
    documentation = (project / "resources/docs/sources.md").read_text()
    source, _ = re.findall(r"^```python$(.*?)^```$", documentation, re.M | re.S)
    (tmp_path / "scope.py").write_text(source)
    return tmp_path


@pytest.fixture
def oven(project: Path) -> Iterator[tango.DeviceProxy]:
    """Run the device whose attributes are streams."""
    command = [sys.executable, project / "tests/tangods/sources/oven.py", "test", "-nodb", "-dlist", "lab/oven/1"]
    with subprocess.Popen([*command, "-ORBendPoint", f"giop:tcp:{OVEN}"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert any("Ready to accept request" in line for line in server.stdout)
        yield tango.DeviceProxy(f"tango://{OVEN}/lab/oven/1#dbase=no")
        server.terminate()


@pytest.fixture
def up(folder: Path, oven: tango.DeviceProxy) -> Iterator[Up]:
    ensemble = Up(folder)
    try:
        ensemble.wait_for("ready after")
        yield ensemble
    finally:
        ensemble.process.terminate()
        ensemble.process.wait(TIMEOUT)


def shots() -> Iterator[list[bytes]]:
    yield [b"start", b""]
    for shot in range(0, frames_of("shots"), 3):
        yield [b"shots", b",".join(b"%d" % i for i in range(shot, shot + 3))]
    yield [b"end", b""]


def panda(stop: threading.Event) -> None:
    address = urlsplit(PANDA)
    positioncap.serve(positioncap.arm(frames_of("panda")), (address.hostname or "", address.port or 0), stop)


DETECTORS: list[Callable[[threading.Event], Any]] = [
    lambda stop: simulate(StinsDetector(images=EVENTS, shape=(4, 4)), CAMERA, stop),
    lambda stop: play(xspress3.messages(EVENTS, 1), SPECTRA, stop, publish=True),
    lambda stop: play(contrast.messages(EVENTS), POINTS, stop, publish=True),
    panda,
    lambda stop: play(shots(), SHOTS, stop, publish=True),
    lambda stop: play(albaem.messages(frames_of("currents")), CURRENTS, stop, publish=True),
]

CONTENT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "camera": lambda message: message["data"][0, 0],
    "spectra": lambda message: message["data"][0, 0],
    "points": lambda message: message["sx"],
    "panda": lambda message: message["fields"]["COUNTER1.OUT.Value"],
    "shots": lambda message: int(message["frames"][0]),
    "currents": lambda message: message["channel1"] - 0.1,
    "sardana": lambda message: message["ct01"],
    "reads": lambda message: message["value"] - 2,  # it was read for the start as well
    "temperature": lambda message: message["value"],
}
"""Which frame of its stream a message is, from 0, as its content tells."""


def test_nine_sources_at_once(up: Up, folder: Path, oven: tango.DeviceProxy) -> None:
    controller = RemoteController(up.running.controller_url)
    sardana_ingester = tango.DeviceProxy(up.running.controller_url.replace("controller", "ingester-sardana"))
    with pytest.raises(tango.DevFailed, match="no scan takes it"):
        sardana_ingester.PushRecord("{}")
    stop = threading.Event()
    with ThreadPoolExecutor(len(DETECTORS)) as pool:
        try:
            sent = [pool.submit(detector, stop) for detector in DETECTORS]
            controller.arm(json.dumps({"uniform": {"streams": EVERY, "events": EVENTS}}))
            while controller.device.State() is not tango.DevState.RUNNING:
                assert not controller.progress().is_over
            for record in sardana.records(frames_of("sardana")):
                sardana_ingester.PushRecord(json.dumps(record))
            temperature = 100.0
            while not (progress := controller.progress()).is_over:
                temperature += 1
                oven.Heat(temperature)
        finally:
            stop.set()
        for detector in sent:
            detector.result(TIMEOUT)
    assert (progress.went_well, progress.completed) == (True, EVENTS + 2), progress
    events = pickle.loads((folder / "events.pickle").read_bytes())
    assert set(events[0]) == set(events[EVENTS + 1]) == set(EVERY)
    coldest = events[1]["temperature"]["value"]
    for event in range(1, EVENTS + 1, EVERY["temperature"]):
        events[event]["temperature"]["value"] -= coldest
    found = {
        event: {stream: round(CONTENT[stream](message), 6) for stream, message in events[event].items()}
        for event in range(1, EVENTS + 1)
    }
    assert found == {
        event + 1: {stream: event // every for stream, every in EVERY.items() if event % every == 0}
        for event in range(EVENTS)
    }
