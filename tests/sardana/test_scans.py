"""Scans of a real Sardana in which a real ensemble takes part, with its recorder and with its hooks."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import tango
from tests.sardana.beamline import CONTROLLER, REDUCER_DEVICE, Beamline, Door, wait_for_value

IN_SCAN = (tango.DevState.MOVING, tango.DevState.RUNNING)

ASCAN = ("ascan", "mot01", 0, 2, 4, 0.01)
MESH = ("mesh", "mot01", 0, 1, 2, "mot02", 5, 6, 1, 0.01, "False")
ASCANCT = ("ascanct", "mot01", 0, 1, 5, 0.05, 0.05)
LONG = ("ascan", "mot01", 0, 2, 1000, 1)

POSITIONS = {
    ASCAN: [{"mot01": position} for position in (0, 0.5, 1, 1.5, 2)],
    MESH: [{"mot01": fast, "mot02": slow} for slow in (5, 6) for fast in (0, 0.5, 1)],
    ASCANCT: [{"mot01": pytest.approx(position / 5)} for position in range(6)],
}


def use_recorder(door: Door) -> None:
    door.run("senv", "DataRecorder", "PipelineRecorder")


def use_hooks(door: Door) -> None:
    door.run("defgh", "pipeline_arm", "pre-scan", "pre-acq")
    door.run("defgh", "pipeline_stop", "post-scan", "post-acq")


def use_both(door: Door) -> None:
    use_recorder(door)
    use_hooks(door)


@pytest.mark.parametrize("scan", [ASCAN, MESH, ASCANCT], ids=lambda scan: scan[0])
def test_every_event_has_the_position_of_its_point(beamline: Beamline, door: Door, scan: tuple[object, ...]) -> None:
    use_recorder(door)
    if scan is ASCANCT:
        door.run("set_meas_conf", "synchronizer", "tg01", "xrd")
    outcome = door.run(*scan)
    points = POSITIONS[scan]
    assert any(f"{len(points) + 2} of {len(points) + 2} events are complete" in line for line in outcome.info), outcome
    assert beamline.events() == {
        1 + point: {"point_nb": point, "image": point} | positions for point, positions in enumerate(points)
    }


@pytest.mark.parametrize("use", [use_hooks, use_both])
@pytest.mark.parametrize("scan", [ASCAN, MESH, ASCANCT, ("ct", 0.02)], ids=lambda scan: scan[0])
def test_hooks(beamline: Beamline, door: Door, scan: tuple[object, ...], use: Any) -> None:
    use(door)
    if scan is ASCANCT:
        door.run("set_meas_conf", "synchronizer", "tg01", "xrd")
    door.run(*scan)
    points = len(POSITIONS.get(scan, [None]))
    events = beamline.events()
    assert {event: payload["image"] for event, payload in events.items()} == {1 + n: n for n in range(points)}
    assert all(("mot01" in payload) == (use is use_both and scan in POSITIONS) for payload in events.values())


def test_a_burst_has_the_position_at_its_begin(beamline: Beamline, door: Door) -> None:
    use_recorder(door)
    door.run("senv", "PipelineFrames", "{'xrd': 3}")
    tango.DeviceProxy("xrdctrl").Images = 3
    try:
        door.run(*ASCAN)
    finally:
        tango.DeviceProxy("xrdctrl").Images = 1
    assert beamline.events() == {
        1 + image: {"image": image} | ({} if image % 3 else {"mot01": image / 6, "point_nb": image // 3})
        for image in range(15)
    }


@pytest.mark.parametrize("command", ["StopMacro", "AbortMacro"])
@pytest.mark.parametrize("use", [use_recorder, use_hooks])
def test_the_pipeline_ends_with_the_scan(beamline: Beamline, door: Door, use: Any, command: str) -> None:
    use(door)
    door.start(*LONG)
    door.wait_for_output("0 ")
    # Sardana forgets a stop that comes while motors move, or before the detector is about to start
    wait_for_value("xrd", "State", tango.DevState.MOVING)
    assert beamline.controller.State() in IN_SCAN
    door.proxy.command_inout(command)
    door.wait()
    assert beamline.controller.State() not in IN_SCAN
    (beamline.folder / "events.json").unlink(missing_ok=True)
    door.run(*ASCAN)
    assert [payload["image"] for payload in beamline.events().values()] == [0, 1, 2, 3, 4]


def test_ten_scans_in_a_row(beamline: Beamline, door: Door) -> None:
    use_recorder(door)
    for scan in range(10):
        door.run("ascan", "mot01", scan, scan + 1, 2, 0.01)
        assert [payload["mot01"] for payload in beamline.events().values()] == [scan, scan + 0.5, scan + 1]


@pytest.mark.parametrize(
    ("variable", "value", "usual", "complaint"),
    [
        ("DataRecorder", "('PipelineRecorder', 'FailingRecorder')", "PipelineRecorder", "no room for a file"),
        ("PipelineStreams", "{'xrd': 'eiger'}", "{}", "the pipeline has no stream eiger; it has sardana, xrd"),
        ("PipelineFrames", "{'xrd': 0}", "{}", "stream 'xrd' cannot have 0 frames in a point"),
        ("PipelineController", "test/dranspose/nobody", CONTROLLER, "the Tango database has no such device"),
    ],
)
def test_a_scan_that_does_not_start_leaves_the_pipeline_ready(
    beamline: Beamline, door: Door, variable: str, value: str, usual: str, complaint: str
) -> None:
    use_recorder(door)
    door.run("senv", variable, value)
    door.start(*ASCAN)
    outcome = door.wait()
    assert outcome.state == tango.DevState.ALARM
    assert complaint in "".join(outcome.error), outcome
    door.run("senv", variable, usual)
    door.run(*ASCAN)
    assert [payload["image"] for payload in beamline.events().values()] == [0, 1, 2, 3, 4]


def test_a_scan_without_the_streams_leaves_the_pipeline_alone(beamline: Beamline, door: Door) -> None:
    use_both(door)
    door.run("senv", "ActiveMntGrp", "results")
    before = beamline.controller.scanId
    door.run(*ASCAN)
    assert beamline.controller.scanId == before


def test_a_scan_of_unknown_length_is_refused(door: Door) -> None:
    use_recorder(door)
    door.start("ascanc", "mot01", 0, 1, 0.05)
    outcome = door.wait()
    assert outcome.state == tango.DevState.ALARM
    assert "it is not known how many points ascanc will have" in "".join(outcome.error)


def test_results_are_in_the_table_and_the_file(beamline: Beamline, door: Door) -> None:
    use_recorder(door)
    door.run(*ASCAN)
    wait_for_value(REDUCER_DEVICE, "count", 5)
    door.run("senv", "ActiveMntGrp", "results")
    door.run("senv", "ScanFile", "results.h5")
    outcome = door.run("ascan", "mot01", 0, 1, 1, 0.05)
    rows = [line.split() for line in outcome.output if line.split() and line.split()[0] in ("0", "1")]
    assert [row[3] for row in rows] == ["5", "5"]
    with h5py.File(beamline.folder / "results.h5") as file:
        (scan,) = file.values()
        measured = {name: scan["measurement"][name][()] for name in ("count", "profile", "image")}
    np.testing.assert_equal(measured["count"], [5, 5])
    np.testing.assert_equal(measured["profile"], [[0, 1, 2, 3]] * 2)
    np.testing.assert_equal(measured["image"], np.full((2, 2, 3), 5))
