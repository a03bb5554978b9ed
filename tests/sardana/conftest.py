"""Sardana and an ensemble, started once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.sardana.beamline import CONTROLLER, SARDANA, Beamline, Door, started


@pytest.fixture(scope="session")
def beamline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beamline]:
    """Start the database, the ensemble and Sardana, with motors, a detector and channels of results."""
    if not (SARDANA / "bin/Sardana").exists():
        pytest.skip(f"Sardana is not installed in {SARDANA}; the Makefile does that where it can be")
    with started(tmp_path_factory.mktemp("beamline")) as beamline:
        yield beamline


@pytest.fixture
def door(beamline: Beamline) -> Door:
    """Return the door, with the environment that tests begin with: the pipeline takes part in nothing."""
    door = beamline.door
    door.run("udefgh", "all")
    for name, value in (
        ("ActiveMntGrp", "all"),
        ("DataRecorder", "()"),
        ("PipelineController", CONTROLLER),
        ("PipelineFrames", "{}"),
        ("PipelineStreams", "{}"),
        ("ScanFile", "scan.h5"),
    ):
        door.run("senv", name, value)
    door.run("set_meas_conf", "synchronizer", "software", "xrd")
    return door
