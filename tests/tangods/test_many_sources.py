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
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import urlsplit

import pytest
import tango
from tests.core.sources.live import publishing, running
from tests.free_ports import free_url
from tests.tangods.test_up import TIMEOUT, Up

from dranspose.simulate import albaem, contrast, positioncap, sardana, xspress3
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

OVEN = urlsplit(free_url()).netloc

ENSEMBLE = """
    name = "small"

    [[ingester]]
    streams = ["camera"]
    source = "stins"
    url = "<camera>"
    read_along = { reads = "tango://<oven>/lab/oven/1/reads#dbase=no" }

    [[ingester]]
    streams = ["spectra"]
    source = "xspress3"
    url = "<spectra>"

    [[ingester]]
    streams = ["points"]
    source = "contrast"
    url = "<points>"

    [[ingester]]
    streams = ["panda"]
    source = "positioncap"
    url = "<panda>"

    [[ingester]]
    streams = ["shots"]
    source = "scope:ScopeSource"
    url = "<shots>"

    [[ingester]]
    streams = ["currents"]
    source = "albaem"
    url = "<currents>"

    [[ingester]]
    streams = ["sardana"]
    source = "sardana"

    [[ingester]]
    streams = ["temperature"]
    source = "tango"
    url = "tango://<oven>/lab/oven/1/temperature#dbase=no"

    [worker]
    class = "recalling:RecallingWorker"
    count = 2

    [reducer]
    class = "recalling:RecallingReducer"
"""


def frames_of(stream: str) -> int:
    return EVENTS // EVERY[stream]


def shots() -> Iterator[list[bytes]]:
    yield [b"start", b""]
    for shot in range(0, frames_of("shots"), 3):
        yield [b"shots", b",".join(b"%d" % i for i in range(shot, shot + 3))]
    yield [b"end", b""]


def panda(stop: threading.Event, bound: Callable[[str], None]) -> int:
    return positioncap.serve(positioncap.arm(frames_of("panda")), ("127.0.0.1", 0), stop, bound=bound)


def camera(stop: threading.Event, bound: Callable[[str], None]) -> int:
    return simulate(StinsDetector(images=EVENTS, shape=(4, 4)), "tcp://127.0.0.1:*", stop, bound)


@pytest.fixture
def detectors() -> Iterator[dict[str, str]]:
    """Run the detectors, which send when they are connected to; return where."""
    with (
        running(camera) as camera_url,
        running(panda) as panda_url,
        publishing(xspress3.messages(EVENTS, 1)) as spectra_url,
        publishing(contrast.messages(EVENTS)) as points_url,
        publishing(shots()) as shots_url,
        publishing(albaem.messages(frames_of("currents"))) as currents_url,
    ):
        yield {
            "camera": camera_url,
            "panda": panda_url,
            "spectra": spectra_url,
            "points": points_url,
            "shots": shots_url,
            "currents": currents_url,
        }


@pytest.fixture
def oven(project: Path) -> Iterator[tango.DeviceProxy]:
    """Run the device whose attributes are streams."""
    command = [sys.executable, "-u", project / "tests/tangods/sources/oven.py", "test", "-nodb", "-dlist", "lab/oven/1"]
    with subprocess.Popen([*command, "-ORBendPoint", f"giop:tcp:{OVEN}"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert any("Ready to accept request" in line for line in server.stdout)
        yield tango.DeviceProxy(f"tango://{OVEN}/lab/oven/1#dbase=no")
        server.terminate()


@pytest.fixture
def folder(tmp_path: Path, project: Path, detectors: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the ensemble, with an analysis and the source that the documentation shows."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TANGO_HOST", raising=False)
    ensemble = dedent(ENSEMBLE)
    for name, url in {**detectors, "oven": OVEN}.items():
        ensemble = ensemble.replace(f"<{name}>", url)
    (tmp_path / "ensemble.toml").write_text(ensemble)
    shutil.copy(project / "tests/system/recalling.py", tmp_path)
    documentation = (project / "resources/docs/sources.md").read_text()
    source, _ = re.findall(r"^```python$(.*?)^```$", documentation, re.M | re.S)
    (tmp_path / "scope.py").write_text(source)
    return tmp_path


@pytest.fixture
def up(folder: Path, oven: tango.DeviceProxy) -> Iterator[Up]:
    ensemble = Up(folder)
    try:
        ensemble.wait_for("ready after")
        yield ensemble
    finally:
        ensemble.process.terminate()
        ensemble.process.wait(TIMEOUT)


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
    controller.arm(json.dumps({"uniform": {"streams": EVERY, "events": EVENTS}}))
    while controller.device.State() is not tango.DevState.RUNNING:
        assert not controller.progress().is_over
    for record in sardana.records(frames_of("sardana")):
        sardana_ingester.PushRecord(json.dumps(record))
    temperature = 100.0
    while not (progress := controller.progress()).is_over:
        temperature += 1
        oven.Heat(temperature)
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
