"""The macros that show how the pipeline is, and change its parameters."""

from __future__ import annotations

import tango
from tests.sardana.beamline import Beamline, Door


def test_status(door: Door) -> None:
    shown = {line.split()[0]: line.split()[1] for line in door.run("pipeline_status").output}
    assert {name.removeprefix("test/dranspose/") for name in shown} == {
        *("controller", "ingester-xrd", "ingester-sardana"),
        *("worker-1", "worker-2", "reducer"),
    }
    assert set(shown.values()) <= {"STANDBY", "ALARM"}


def test_parameters(beamline: Beamline, door: Door) -> None:
    assert door.run("pipeline_param", "gain", 3).output == ["gain = 3  (int)"]
    (beamline.folder / "x.poni").write_bytes(b"poni_version: 2.1")
    assert door.run("pipeline_param", "poni", beamline.folder / "x.poni").output == ["poni = 17 bytes  (binary)"]
    assert door.run("pipeline_param").output == ["gain = 3  (int)", "poni = 17 bytes  (binary)"]
    assert beamline.controller.poni[1] == b"poni_version: 2.1"
    door.run("pipeline_param", "gain", 1)


def test_a_wrong_parameter_is_named(door: Door) -> None:
    for arguments, complaint in (
        (("poin",), "the analysis has no parameter 'poin'; it has gain, poni"),
        (("gain", "a lot"), "'a lot' is not int"),
        (("poni", "/nowhere.poni"), "No such file or directory: '/nowhere.poni'"),
    ):
        door.start("pipeline_param", *arguments)
        outcome = door.wait()
        assert outcome.state == tango.DevState.ALARM
        assert complaint in "".join(outcome.error), outcome


def test_a_hook_says_that_it_is_one(door: Door) -> None:
    door.start("pipeline_arm")
    assert "defgh pipeline_arm pre-scan" in "".join(door.wait().error)
