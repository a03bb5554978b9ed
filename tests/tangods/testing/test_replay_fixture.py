"""The fixture `replay`, as the tests of an analysis use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import h5py
import numpy as np
import pytest
import tango

import dranspose.replay
from dranspose.capture import CaptureReader, CaptureWriter
from dranspose_tango.remote import RemoteError
from dranspose_tango.testing.in_process import Replay
from dranspose_tango.testing.scans import ScanFailedError

CAPTURE = "data/dump_xrd.cbors"
TIMEOUT = 120  # seconds; only a test that fails ever waits for so long


ANALYSIS = """
    from dranspose.parameters import IntParameter

    class Worker:
        def __init__(self, **kwargs):
            self.events = []

        @staticmethod
        def describe_parameters():
            return [IntParameter(name="poisonous", default=-1)]

        def process_event(self, event, parameters):
            self.events.append(event.event_number)
            if event.event_number == parameters["poisonous"].value:
                raise ArithmeticError("that was too much")
            return event.event_number

    class Reducer:
        def __init__(self, **kwargs):
            self.publish = {"seen": []}

        def process_result(self, result):
            self.publish["seen"] = sorted({*self.publish["seen"], result.payload})

        def finish(self):
            self.finished = True
"""


@pytest.fixture
def analysis(tutorial: Path) -> tuple[str, str]:
    (tutorial / "counting.py").write_text(dedent(ANALYSIS))
    return "counting:Worker", "counting:Reducer"


def test_the_file_is_the_one_of_replay_in_one_process(replay: Replay, tutorial: Path) -> None:
    classes = "s12_poni.worker:TestWorker", "s12_poni.reducer:TestReducer"
    dranspose.replay.replay(*classes, [CAPTURE], parameter_file="s12_poni/parameters.json")
    results = tutorial / "output/xrd_processed.h5"
    results.rename(tutorial / "expected.h5")

    replay(*classes, CAPTURE, {"till_x": 3, "from_y": 7, "poni": Path("geometry.poni").read_bytes()})
    with h5py.File(results) as live, h5py.File("expected.h5") as expected:
        assert set(live) == set(expected)
        for name in expected:
            assert live[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(live[name], expected[name], err_msg=name)


def test_devices_and_objects_are_to_be_looked_at(replay: Replay, analysis: tuple[str, str]) -> None:
    for workers in (1, 3):
        live = replay(*analysis, CAPTURE, workers=workers)
        assert len(live.workers) == len(live.worker_objects) == workers
        assert sum(worker.processedEvents for worker in live.workers) == 9 + 2 * workers
        assert {event for worker in live.worker_objects for event in worker.events} == set(range(11))
        assert list(live.reducer.seen) == live.reducer_object.publish["seen"] == list(range(11))
        assert live.reducer_object.finished
        assert live.controller.State() is tango.DevState.STANDBY


def test_the_first_part_of_a_scan_can_be_replayed(replay: Replay, analysis: tuple[str, str]) -> None:
    with CaptureWriter(Path("part.cbors")) as part:
        for message in list(CaptureReader(Path(CAPTURE)))[:5]:
            part.write(message)
    assert list(replay(*analysis, "part.cbors").reducer.seen) == list(range(5))


def test_a_failure_of_the_analysis_fails_the_test(replay: Replay, analysis: tuple[str, str]) -> None:
    with pytest.raises(
        ScanFailedError, match=r"process_event of counting:Worker failed at event 3[\s\S]*that was too much"
    ):
        replay(*analysis, CAPTURE, {"poisonous": 3})
    live = replay(*analysis, CAPTURE, {"poisonous": 3}, keep_going=True)
    assert live.controller.failedEvents == 1
    assert set(live.reducer.seen) == set(range(11)) - {3}


def test_a_class_that_is_not_there_is_said(replay: Replay, analysis: tuple[str, str]) -> None:
    with pytest.raises(ScanFailedError, match="no class 'Other' in counting"):
        replay("counting:Other", analysis[1], CAPTURE)


def test_a_class_that_cannot_be_made_is_said(replay: Replay, analysis: tuple[str, str]) -> None:
    source = dedent(ANALYSIS).replace("self.events = []", "raise OSError('no licence')")
    Path("counting.py").write_text(source)
    with pytest.raises(ScanFailedError, match="no licence"):
        replay(*analysis, CAPTURE)


def test_an_unknown_parameter_is_said(replay: Replay, analysis: tuple[str, str]) -> None:
    with pytest.raises(RemoteError, match="the analysis has no parameter 'depth'; it has poisonous"):
        replay(*analysis, CAPTURE, {"depth": 3})


def test_the_plugin_costs_nothing_while_nobody_uses_it() -> None:
    code = "import sys, dranspose_tango.testing; print(sorted(sys.modules.keys() & {'tango', 'zmq', 'h5py', 'scipy'}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert found.stdout == "[]\n"
