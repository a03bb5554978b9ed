"""The states of the devices: what each tells, and what leads out of it."""

from __future__ import annotations

import json
import queue
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import h5py
import pytest
import tango
from tango import DevState
from tango.server import Device, command
from tests.free_ports import free_url
from tests.tangods.devices import CONTROLLER, INGESTER, REDUCER, Ensemble, properties, proxies, running, wait_for_state

from dranspose.dataplane.node import Node
from dranspose.simulate.outlet import Outlet
from dranspose.simulate.stins import StinsDetector, encoder, plan, simulate
from dranspose_tango.controller import DransposeController
from dranspose_tango.testing.change_events import PATIENCE, ChangeEvents, wait_for

WORKER = "test/dranspose/worker-1"
UNIFORM = json.dumps({"uniform": {"streams": ["xrd"], "events": 9}})

ANALYSIS = """
class Worker:
    def __init__(self, **kwargs): pass

    def process_event(self, event):
        if event.event_number == 5:
            raise ArithmeticError("five is too much for α")
        return event.event_number

class Reducer:
    def __init__(self, **kwargs):
        self.publish = {"events": [], "latest": 0}

    def process_result(self, result):
        self.publish["events"] = sorted([*self.publish["events"], result.payload])
        self.publish["latest"] = float(result.payload)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with an analysis."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "failing.py").write_text(ANALYSIS)
    return tmp_path


def of(folder: Path, url: str = "tcp://127.0.0.1:9") -> dict[str, dict[str, object]]:
    return properties(folder, "failing:Worker", "failing:Reducer", url, folder / "state")


@pytest.fixture
def url() -> str:
    """Return where the detector is."""
    return free_url()


@pytest.fixture
def ensemble(folder: Path, url: str) -> Iterator[Ensemble]:
    with running(of(folder, url)):
        devices = proxies()
        devices.wait_for_nodes()
        yield devices


@contextmanager
def sending(url: str, images: int = 9) -> Iterator[None]:
    """Send images as soon as somebody connects."""
    stop, bound = threading.Event(), threading.Event()
    detector = StinsDetector(images=images, shape=(4, 4))
    thread = threading.Thread(target=simulate, args=(detector, url, stop, lambda url: bound.set()))
    thread.start()
    bound.wait()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def detector(url: str, ensemble: Ensemble) -> Iterator[None]:  # later: Tango probes ports
    """Send nine images as soon as somebody connects."""
    with sending(url):
        yield


@pytest.mark.usefixtures("detector")
def test_a_scan_with_failed_events_ends_in_alarm_until_reset(ensemble: Ensemble) -> None:
    ensemble.run(UNIFORM)
    assert ensemble.controller.State() is DevState.ALARM
    assert "1 events failed" in ensemble.controller.Status()
    assert (ensemble.controller.failedEvents, ensemble.controller.completedEvents) == (1, 11)
    assert any("five is too much for \\u03b1" in error for error in ensemble.controller.lastErrors)
    states = [wait_for_state(worker, DevState.ALARM, DevState.STANDBY) for worker in ensemble.workers]
    worker = ensemble.workers[[wait_for(one, "failedEvents", lambda count: True) for one in ensemble.workers].index(1)]
    assert DevState.ALARM in states
    assert 'raise ArithmeticError("five is too much' in worker.lastError
    assert sum(worker.processedEvents for worker in ensemble.workers) == 13  # start and end packets twice
    for device in (ensemble.controller, worker):
        device.Reset()
        wait_for_state(device, DevState.STANDBY)
    assert worker.lastError == ""


@pytest.mark.parametrize("hook", ["process_result", "finish"])
def test_a_scan_in_which_the_reducer_class_raises_ends_in_alarm(folder: Path, url: str, hook: str) -> None:
    (folder / "unlucky.py").write_text(f"{ANALYSIS}\n    def {hook}(self, *arguments): raise OSError('disk full')\n")
    (folder / "failing.py").write_text(ANALYSIS.replace("== 5", "== 500"))
    with running(properties(folder, "failing:Worker", "unlucky:Reducer", url, folder / "state")), sending(url):
        devices = proxies()
        devices.wait_for_nodes()
        devices.run(UNIFORM)
        assert devices.controller.State() is DevState.ALARM
        status = devices.controller.Status()
        assert status.startswith(f"ready for a scan; in the last one {hook} of unlucky:Reducer failed"), status
        assert status.endswith("OSError: disk full"), status
        devices.controller.Reset()
        wait_for_state(devices.controller, DevState.STANDBY)


@pytest.mark.usefixtures("detector")
def test_what_the_reducer_publishes_is_shown(ensemble: Ensemble) -> None:
    ensemble.run(UNIFORM)
    wait_for(ensemble.reducer, "published", lambda names: names == ("events", "latest"))
    events = wait_for(ensemble.reducer, "events", lambda events: events is not None and len(events) == 12)
    assert list(events) == sorted([0, 0, 10, 10, 1, 2, 3, 4, 6, 7, 8, 9])
    assert ensemble.reducer.latest == 10.0


@pytest.mark.usefixtures("detector")
def test_the_numbers_of_a_scan_are_told(ensemble: Ensemble) -> None:
    ensemble.run(UNIFORM)
    controller = ensemble.controller
    assert (controller.assignedEvents, controller.completedEvents, controller.totalEvents) == (11, 11, 11)
    assert controller.triggerMap == UNIFORM
    assert list(wait_for(controller, "workerCredit", lambda credit: credit is not None)) == [0, 0]
    assert all(wait_for(worker, "credit", lambda credit: credit > 0) for worker in ensemble.workers)
    (header,) = ensemble.ingester.lastHeaders
    assert header.startswith("xrd: {")
    assert "series_end" in header


@pytest.mark.usefixtures("detector")
def test_results_are_dumped_into_a_file(ensemble: Ensemble, folder: Path) -> None:
    ensemble.run(UNIFORM)
    with pytest.raises(tango.DevFailed, match="no such folder"):
        ensemble.reducer.DumpResults(str(folder / "nowhere" / "results.h5"))
    with ChangeEvents(ensemble.reducer, "resultsFile") as files:
        ensemble.reducer.DumpResults(str(folder / "results.h5"))
        files.wait_for(lambda file: file == str(folder / "results.h5"))
    with h5py.File(folder / "results.h5") as file:
        assert len(file["events"]) == 12
    with ChangeEvents(ensemble.reducer, "lastError") as errors:
        ensemble.reducer.DumpResults(str(folder))
        errors.wait_for(lambda text: f"could not write {folder}" in text)


def test_a_scan_goes_from_moving_to_running_and_nobody_misses_it(ensemble: Ensemble) -> None:
    controller = ensemble.controller
    with ChangeEvents(controller, "State") as states, ChangeEvents(ensemble.workers[0], "State") as of_worker:
        states.wait_for(lambda state: state is DevState.STANDBY)
        controller.Arm(UNIFORM)
        assert controller.State() in (DevState.MOVING, DevState.RUNNING)
        assert states.wait_for(lambda state: state is not DevState.STANDBY) is DevState.MOVING
        states.wait_for(lambda state: state is DevState.RUNNING)
        assert "0 of 11 events are complete" in controller.Status()
        of_worker.wait_for(lambda state: state is DevState.RUNNING)
        controller.Abort()
        of_worker.wait_for(lambda state: state is DevState.STANDBY)


def test_an_ingester_says_that_no_detector_answers(ensemble: Ensemble, url: str) -> None:
    ensemble.controller.Arm(UNIFORM)
    with ChangeEvents(ensemble.ingester, "Status") as status:
        status.wait_for(lambda text: text == f"in a scan; nobody answers at {url}")
        assert ensemble.ingester.State() is DevState.RUNNING
        with sending(url):
            status.wait_for(lambda text: "nobody" not in text)
    wait_for_state(ensemble.controller, DevState.ALARM)


def test_what_fails_is_told_while_the_scan_goes_on(ensemble: Ensemble, url: str) -> None:
    controller = ensemble.controller
    detector = StinsDetector(images=9, shape=(4, 4))
    encode = encoder(detector)
    *steps, end = plan(detector)
    with Outlet(url, threading.Event()) as outlet:
        controller.Arm(UNIFORM)
        outlet.wait_for_peer()
        for step in steps:
            outlet.send(encode(step))
        wait_for(controller, "failedEvents", lambda count: count == 1)
        assert controller.State() is DevState.RUNNING
        assert "1 events failed" in controller.Status()
        assert controller.read_attribute("failedEvents").quality is tango.AttrQuality.ATTR_WARNING
        assert controller.read_attribute("redispatchedEvents").quality is tango.AttrQuality.ATTR_VALID
        (failing,) = {failure.partition(":")[0] for failure in controller.lastErrors if "failed at event 5" in failure}
        with ChangeEvents(tango.DeviceProxy(failing), "State") as states:
            states.wait_for(lambda state: state is DevState.ALARM)
        assert tango.DeviceProxy(failing).Status() == "in a scan; 1 events failed"
        outlet.send(encode(end))
    wait_for_state(controller, DevState.ALARM)


@pytest.mark.parametrize("way_out", ["Reset", "Arm"])
def test_a_scan_that_could_not_go_on_is_a_fault_until_reset_or_the_next_one(ensemble: Ensemble, way_out: str) -> None:
    controller = ensemble.controller
    with ChangeEvents(controller, "State") as states:
        controller.Arm(UNIFORM)
        states.wait_for(lambda state: state is DevState.RUNNING)
        ensemble.reducer.Init()
        states.wait_for(lambda state: state is DevState.FAULT)
        assert "the last scan failed: " in controller.Status()
        assert "Reset" in controller.Status()
        ensemble.wait_for_nodes()
        assert controller.State() is DevState.FAULT
        if way_out == "Reset":
            controller.Reset()
            states.wait_for(lambda state: state is DevState.STANDBY)
            assert controller.Status() == "ready for a scan"
        else:
            controller.Arm(UNIFORM)
            states.wait_for(lambda state: state is DevState.RUNNING)
            controller.Abort()


def test_a_device_is_starting_while_its_class_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loading, gate = threading.Event(), threading.Event()
    monkeypatch.setitem(sys.modules, "the_gate", SimpleNamespace(loading=loading, gate=gate))
    (folder / "slow_to_load.py").write_text(
        f"import the_gate\nthe_gate.loading.set()\nthe_gate.gate.wait()\n{ANALYSIS}"
    )
    devices = of(folder)
    devices[WORKER]["AnalysisClass"] = "slow_to_load:Worker"
    with running(devices):
        worker = tango.DeviceProxy(WORKER)
        try:
            loading.wait(PATIENCE)
            assert worker.State() is DevState.INIT
            assert worker.Status() == "starting"
            assert (worker.processedEvents, list(worker.timeShares)) == (0, [100, 0, 0, 0])
        finally:
            gate.set()
        wait_for_state(worker, DevState.STANDBY)


def test_who_listens_to_a_result_hears_of_it_when_it_gets_another_type(ensemble: Ensemble, url: str) -> None:
    ensemble.controller.Arm(UNIFORM)
    wait_for(ensemble.reducer, "published", lambda names: names == ("events", "latest"))
    assert ensemble.reducer.get_attribute_config("events").data_type == tango.CmdArgType.DevDouble
    with ChangeEvents(ensemble.reducer, "events") as events, sending(url):
        assert len(events.wait_for(lambda events: events is not None and len(events) == 12)) == 12
    assert ensemble.reducer.get_attribute_config("events").data_type == tango.CmdArgType.DevLong64


def test_a_change_is_told_again_for_clients_that_were_subscribing(ensemble: Ensemble) -> None:
    with ChangeEvents(ensemble.controller, "parametersHash") as hashes:
        changed = ensemble.controller.SetParameter(["rows", "3"])
        for _ in range(2):
            hashes.wait_for(lambda shown: shown == changed)


def test_what_a_busy_device_could_not_tell_is_told_later(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    push, refused = DransposeController.push_change_event, []

    def busy_once(device: DransposeController, name: str, *value: object) -> None:
        if name == "parametersHash" and not refused:
            refused.append(value)
            tango.Except.throw_exception("API_CommandTimedOut", "the monitor is held", "test")
        push(device, name, *value)

    with ChangeEvents(ensemble.controller, "parametersHash") as hashes:
        monkeypatch.setattr(DransposeController, "push_change_event", busy_once)
        changed = ensemble.controller.SetParameter(["rows", "4"])
        hashes.wait_for(lambda shown: shown == changed)
    assert refused == [(changed,)]
    assert len(ensemble.controller.lastErrors) == 0


def test_a_scan_is_armed_when_the_slowest_node_is_ready(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setitem(sys.modules, "the_gate", SimpleNamespace(gate=gate))
    (folder / "slow_to_begin.py").write_text(
        ANALYSIS.replace("**kwargs): pass", "**kwargs):\n        import the_gate\n        the_gate.gate.wait()", 1)
    )
    devices = of(folder)
    devices[WORKER]["AnalysisClass"] = "slow_to_begin:Worker"
    with running(devices):
        ensemble = proxies()
        ensemble.wait_for_nodes()
        scan = ensemble.controller.Arm(UNIFORM)
        try:
            wait_for(ensemble.controller, "Status", lambda status: status == f"scan {scan} waits for {WORKER}")
            assert ensemble.controller.State() is DevState.MOVING
        finally:
            gate.set()
        wait_for_state(ensemble.controller, DevState.RUNNING)
        ensemble.controller.Abort()


@pytest.mark.parametrize("way_out", ["Reset", "Arm"])
def test_a_scan_that_its_controller_did_not_outlive_is_an_alarm(ensemble: Ensemble, way_out: str) -> None:
    controller = ensemble.controller
    scan = controller.Arm(UNIFORM)
    wait_for_state(controller, DevState.RUNNING)
    with ChangeEvents(controller, "State") as states:
        for _ in range(2):
            controller.Init()
            states.wait_for(lambda state: state is DevState.ALARM)
            assert controller.scanId == scan
            assert f"scan {scan} was cut off" in controller.Status()
        ensemble.wait_for_nodes()
        if way_out == "Reset":
            controller.Reset()
        else:
            controller.Arm(UNIFORM)
            states.wait_for(lambda state: state is DevState.RUNNING)
            controller.Abort()
        states.wait_for(lambda state: state is DevState.STANDBY)
    controller.Init()
    wait_for(controller, "Status", lambda status: status == "ready for a scan")


def test_arming_is_refused_with_the_reason(ensemble: Ensemble) -> None:
    controller = ensemble.controller
    with pytest.raises(tango.DevFailed, match=r"TRIGGER_MAP_INVALID[\s\S]*no JSON|no JSON"):
        controller.Arm("{")
    with pytest.raises(tango.DevFailed, match="no such stream; the streams are: xrd"):
        controller.Arm(json.dumps({"uniform": {"streams": ["eiger"], "events": 9}}))
    with ChangeEvents(controller, "State") as states:
        controller.Arm(UNIFORM)
        states.wait_for(lambda state: state is DevState.RUNNING)
    with pytest.raises(tango.DevFailed, match="OPERATION_NOT_ALLOWED"):
        controller.Arm(UNIFORM)
    assert controller.State() is DevState.RUNNING
    with pytest.raises(tango.DevFailed, match="OPERATION_NOT_ALLOWED"):
        ensemble.reducer.Reload()
    controller.Abort()
    wait_for_state(controller, DevState.STANDBY)
    assert controller.Status() == "ready for a scan; the last one was aborted"


def test_a_live_view_runs_until_it_is_stopped(ensemble: Ensemble) -> None:
    controller = ensemble.controller
    wait_for(controller, "liveSwitches", lambda names: names == ("liveXrd",))
    controller.write_attribute("liveXrd", False)
    with pytest.raises(tango.DevFailed, match="no stream is chosen"):
        controller.Live()
    controller.write_attribute("liveXrd", True)
    with ChangeEvents(controller, "State") as states:
        controller.Live()
        states.wait_for(lambda state: state is DevState.RUNNING)
        assert controller.totalEvents > 10**9
        controller.Stop()
        states.wait_for(lambda state: state in (DevState.STANDBY, DevState.ALARM))


class Detector(Device):
    """Counts how often it was asked to be live."""

    calls: ClassVar[queue.Queue[str]] = queue.Queue()

    @command
    def Live(self) -> None:
        self.calls.put(self.get_name())


def test_a_live_view_starts_the_detectors_of_its_streams(folder: Path) -> None:
    devices = of(folder)
    devices[CONTROLLER]["Detectors"] = ["xrd=test/detector/xrd", "other=test/detector/other"]
    with running(devices, {Detector: ["test/detector/xrd", "test/detector/other"]}):
        proxies().wait_for_nodes()
        tango.DeviceProxy(CONTROLLER).Live()
        assert Detector.calls.get(timeout=PATIENCE) == "test/detector/xrd"
        tango.DeviceProxy(CONTROLLER).Abort()
    assert Detector.calls.empty()


def test_the_controller_knows_what_runs_where(ensemble: Ensemble) -> None:
    versions = wait_for(ensemble.controller, "deployedVersions", lambda versions: versions and len(versions) == 5)
    assert {version.partition(": ")[2] for version in versions} == {ensemble.reducer.version}


def test_stop_abort_and_reset_do_nothing_without_a_scan(ensemble: Ensemble) -> None:
    for name in ("Stop", "Abort", "Reset"):
        ensemble.controller.command_inout(name)
    assert ensemble.controller.State() is DevState.STANDBY


def test_a_class_that_is_not_there_is_a_fault_until_it_is(folder: Path) -> None:
    devices = of(folder)
    devices[WORKER]["AnalysisClass"] = "failing:Later"
    with running(devices):
        worker = tango.DeviceProxy(WORKER)
        wait_for_state(worker, DevState.FAULT)
        assert "no class 'Later' in failing" in worker.Status()
        (folder / "failing.py").write_text(ANALYSIS.replace("class Worker", "class Later"))
        worker.Reset()
        wait_for_state(worker, DevState.STANDBY)


@pytest.mark.parametrize(
    ("device", "wrong", "said"),
    [
        (WORKER, {"AnalysisPath": "/nowhere"}, "AnalysisPath '/nowhere': there is no such folder"),
        (INGESTER, {"Streams": ["a", "b"]}, "1 URLs for 2"),
        (INGESTER, {"Source": "telepathy"}, "telepathy"),
        (INGESTER, {"KeepBytes": "much"}, "the properties cannot be read"),
        (REDUCER, {"HttpPort": 1, "HttpInterface": "192.0.2.1"}, "192.0.2.1"),
        (CONTROLLER, {"BindInterface": "192.0.2.1"}, "192.0.2.1"),
        (CONTROLLER, {"Liveness": 0.0}, "a liveness has to be from 0.1 to 3600.0 s, not 0.0"),
        (CONTROLLER, {"ParameterDefaults": ["rows"]}, "ParameterDefaults: 'rows' is not name=value"),
        (CONTROLLER, {"ParameterDefaults": ["mask=@/nowhere/mask"]}, "'/nowhere/mask'"),
        (CONTROLLER, {"CreditLimits": [5, 1]}, "credit limits have to be 1 or more, and in order, not 5 and 1"),
    ],
)
def test_a_wrong_property_is_a_fault_that_says_so(
    folder: Path, device: str, wrong: dict[str, object], said: str
) -> None:
    devices = of(folder)
    devices[device] |= wrong
    with running(devices):
        proxy = tango.DeviceProxy(device)
        wait_for_state(proxy, DevState.FAULT)
        assert said in proxy.Status()
        proxy.Reset()
        proxy.Init()
        wait_for_state(proxy, DevState.FAULT)


def test_one_of_two_ingesters_of_a_stream_is_a_fault_that_names_both(folder: Path) -> None:
    devices = of(folder)
    with running({CONTROLLER: {}, INGESTER: devices[INGESTER], f"{INGESTER}-2": devices[INGESTER]}):
        controller = tango.DeviceProxy(CONTROLLER)
        (refused,) = wait_for(controller, "refusedNodes", bool)
        name, _, reason = refused.partition(": ")
        second = tango.DeviceProxy(name)
        wait_for_state(second, DevState.FAULT)
        assert second.Status() == reason
        (first,) = controller.ingesters
        assert {first, name} == {INGESTER, f"{INGESTER}-2"}
        assert re.fullmatch(rf"{first}:\w+ takes in xrd already: stop it, or give {name} other streams", reason)
        assert tango.DeviceProxy(first).State() is DevState.STANDBY


def test_a_device_waits_for_its_controller(folder: Path) -> None:
    with running({WORKER: of(folder)[WORKER]}):
        worker = tango.DeviceProxy(WORKER)
        wait_for_state(worker, DevState.UNKNOWN)
        assert "waits for controller" in wait_for(worker, "Status", lambda status: "starting" not in status)


def test_devices_take_over_the_liveness_of_their_controller(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken_over: queue.SimpleQueue[float] = queue.SimpleQueue()

    def noting(self: Node, *arguments: Any) -> None:
        taken_over.put(arguments[-1])
        made(self, *arguments)

    made = Node.__init__
    monkeypatch.setattr(Node, "__init__", noting)
    devices = of(folder)
    devices[CONTROLLER]["Liveness"] = 4.5
    with running(devices):
        assert [taken_over.get(timeout=PATIENCE) for _ in devices.keys() - {CONTROLLER}] == [4.5] * 4
        assert tango.DeviceProxy(CONTROLLER).liveness == 4.5


def test_devices_find_a_controller_that_was_started_anew(ensemble: Ensemble) -> None:
    with ChangeEvents(ensemble.workers[0], "State") as states:
        ensemble.controller.Init()
        states.wait_for(lambda state: state is DevState.UNKNOWN)
        states.wait_for(lambda state: state is DevState.STANDBY)
    ensemble.wait_for_nodes()
