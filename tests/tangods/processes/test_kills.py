"""SIGKILL for the process of each device in the middle of a scan: what a client of Tango sees of it."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import tango
from tango import DevState
from tests.tangods.processes.conftest import IMAGES, Folder, Start

from dranspose_tango.testing.change_events import ChangeEvents, wait_for
from dranspose_tango.testing.processes import LiveEnsemble

HOLD_FROM = 100
WHOLE = {"streams": ["xrd"], "scan": {"nb_points": IMAGES}}


@pytest.fixture
def live(start: Start, folder: Folder) -> LiveEnsemble:
    """Return an ensemble in a scan that does not go on until it is let go."""
    live = start()
    live.controller.write_attribute("hold_from", HOLD_FROM)
    live.controller.write_attribute("pause", 0.003)  # a worker that is held tells no more of what it did just before
    with ChangeEvents(live.controller, "completedEvents") as completed:
        live.controller.Arm(json.dumps(WHOLE))
        completed.wait_for(lambda events: events > 0)
    return live


def assert_next_scan_works(live: LiveEnsemble, folder: Folder) -> None:
    folder.go.touch()
    live.wait_until_ready()
    live.run()
    assert live.controller.State() is DevState.STANDBY
    assert (live.controller.completedEvents, live.controller.redispatchedEvents) == (IMAGES + 2, 0)
    assert_each_event_counts_once(folder)


def assert_each_event_counts_once(folder: Folder) -> None:
    images = Counter(result["event"] for result in folder.results() if 0 < result["event"] <= IMAGES)
    assert images == dict.fromkeys(range(1, IMAGES + 1), 1)


def test_a_worker_is_missed_by_nobody(live: LiveEnsemble, folder: Folder) -> None:
    with ChangeEvents(live.controller, "State") as state, ChangeEvents(live.controller, "workers") as workers:
        live.kill("worker-1")
        workers.wait_for(lambda names: names == ("small/dranspose/worker-2",))
        with pytest.raises(tango.DevFailed):
            live.device("worker-1").ping()
        folder.go.touch()
        state.wait_for(lambda state: state is DevState.RUNNING)
        assert state.wait_for(lambda state: state is not DevState.RUNNING) is DevState.STANDBY
    assert live.controller.completedEvents == live.controller.totalEvents == IMAGES + 2
    assert (redispatched := live.controller.redispatchedEvents) > 0
    assert f"{redispatched} events were given to another worker" in live.controller.Status()
    assert_each_event_counts_once(folder)
    assert_next_scan_works(live, folder)


@pytest.mark.parametrize(
    ("member", "said"),
    [("ingester-captures", "small/dranspose/ingester-captures"), ("reducer", "the reducer was lost")],
)
def test_without_an_ingester_or_the_reducer_a_scan_has_failed(
    live: LiveEnsemble, folder: Folder, member: str, said: str
) -> None:
    with ChangeEvents(live.controller, "State") as state:
        live.kill(member)
        state.wait_for(lambda state: state is DevState.FAULT)
    assert said in live.controller.Status()
    assert 0 < live.controller.completedEvents <= HOLD_FROM < live.controller.totalEvents
    folder.go.touch()
    for worker in ("worker-1", "worker-2"):
        wait_for(live.device(worker), "State", lambda state: state is DevState.STANDBY)
    assert_next_scan_works(live, folder)


def test_without_the_controller_a_scan_is_cut_off(live: LiveEnsemble, folder: Folder) -> None:
    others = [live.device(member) for member in live.members[1:]]
    scan = live.controller.scanId
    live.kill("controller")
    folder.go.touch()
    for device in others:
        wait_for(device, "State", lambda state: state is DevState.UNKNOWN)
        assert "out of touch with" in device.Status()
    live.wait_until_ready()
    assert (live.controller.State(), live.controller.scanId) == (DevState.ALARM, scan)
    assert f"scan {scan} was cut off" in live.controller.Status()
    assert_next_scan_works(live, folder)
