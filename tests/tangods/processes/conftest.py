"""An ensemble of real processes whose analysis tells all of each result, and holds at an event until it is let go."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeAlias

import pytest

from dranspose.capture import CaptureWriter
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.protocol import EventNumber, StreamName
from dranspose_tango.testing.processes import EnsembleStarter, LiveEnsemble

IMAGES = 300

ANALYSIS = """
    import hashlib
    import json
    import time
    from pathlib import Path

    from dranspose.parameters import BinaryParameter, FloatParameter, IntParameter

    class Worker:
        stateless = True

        def __init__(self, state, **kwargs):
            self.name = state.name

        @staticmethod
        def describe_parameters():
            return [
                IntParameter(name="gain", default=1),
                IntParameter(name="hold_from", default=1_000_000),
                FloatParameter(name="pause", default=0.0),
                BinaryParameter(name="mask"),
            ]

        def process_event(self, event, parameters):
            while event.event_number >= parameters["hold_from"].value and not Path("go").exists():
                time.sleep(0.01)
            time.sleep(parameters["pause"].value)
            mask = ""
            if event.event_number == 0:
                mask = hashlib.sha256(parameters["mask"].value).hexdigest()
            return {"worker": self.name, "gain": parameters["gain"].value, "mask": mask}

    class Reducer:
        def __init__(self, **kwargs):
            self.results = []
            self.publish = {"results": 0}

        def process_result(self, result):
            self.results.append({
                "event": result.event_number, "hash": result.parameters_hash, **result.payload
            })
            self.publish["results"] = len(self.results)

        def finish(self):
            Path("results.json").write_text(json.dumps(self.results))
"""

ENSEMBLE = """
    name = "small"
    [controller]
    uploads = ["uploads"]
    [[ingester]]
    streams = ["xrd"]
    source = "stins"
    url = "tcp://127.0.0.1:9"
    [worker]
    class = "telling:Worker"
    count = 2
    [reducer]
    class = "telling:Reducer"
"""

Start: TypeAlias = Callable[[], LiveEnsemble]


class Folder:
    """The folder that the analysis works in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = path / "ensemble.toml"
        self.capture = path / "scan.cbors"
        self.go = path / "go"
        self.description.write_text(dedent(ENSEMBLE))
        (path / "telling.py").write_text(dedent(ANALYSIS))
        (path / "uploads").mkdir()
        with CaptureWriter(self.capture) as capture:
            for event in range(IMAGES + 2):
                htype = {0: "header", IMAGES + 1: "series_end"}.get(event, "image")
                fields = {"htype": htype, "msg_number": event, "frame": event - 1}
                data = StreamData("STINS", [json.dumps(fields).encode(), bytes(16)])
                capture.write(InternalWorkerMessage(EventNumber(event), {StreamName("xrd"): data}))

    def results(self) -> list[dict[str, Any]]:
        """Return the results of the last scan that was finished, in the order of events, and forget them."""
        file = self.path / "results.json"
        results = json.loads(file.read_text())
        file.unlink()
        return sorted(results, key=lambda result: result["event"])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a folder with an analysis, its ensemble, and a capture."""
    return Folder(tmp_path)


@pytest.fixture
def start(ensemble: EnsembleStarter, folder: Folder) -> Start:
    """Return what starts the ensemble, which plays the capture."""
    return lambda: ensemble(folder.description, folder.capture)
