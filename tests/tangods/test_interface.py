"""What every client sees of the four classes: names, documentation, and how fast commands answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tango
from tango import DevState
from tests.tangods.devices import CONTROLLER, INGESTER, REDUCER, properties, proxies, running, wait_for_state

from dranspose.simulate.sardana import records

WORKER = "test/dranspose/worker-1"
OF_TANGO = {"Init", "State", "Status"}
DEVICES = [CONTROLLER, INGESTER, WORKER, REDUCER]

AT_ONCE = 0.1  # seconds
TRIES = 10  # for a machine that is busy with something else: only a command that is slow by itself is slow in all
UNIFORM = json.dumps({"uniform": {"streams": ["xrd"], "events": 10**6, "batch": 10}})
ARGUMENTS = {
    "Arm": UNIFORM,
    "DumpResults": "results.h5",
    "EventStory": 0,
    "PushRecord": json.dumps(next(records(points=1))),
    "SaveCapture": "",
    "SetParameter": ["rows", "3"],
    "UploadParameter": ("mask", bytes(10**6)),
}
IN_A_SCAN = {"Abort", "EventStory", "PushRecord", "SetParameter", "Stop", "UploadParameter"}

ANALYSIS = """
from dranspose.parameters import BinaryParameter, BoolParameter, FloatParameter, IntParameter, StrParameter

class Worker:
    def __init__(self, **kwargs): pass

    @staticmethod
    def describe_parameters():
        return [IntParameter(name="rows", description="of the region"), FloatParameter(name="gain", default=0.5),
                StrParameter(name="title"), BoolParameter(name="dark"), BinaryParameter(name="mask")]

    def process_event(self, event): pass

class Reducer:
    def __init__(self, **kwargs):
        self.publish = {"sum": 1.5}

    def process_result(self, result): pass
"""


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("analysis")
    (folder / "documented.py").write_text(ANALYSIS)
    devices = properties(folder, "documented:Worker", "documented:Reducer", "", folder / "state")
    devices[INGESTER] = {"Controller": CONTROLLER, "Streams": ["xrd"], "Source": "sardana"}
    with pytest.MonkeyPatch.context() as patch, running(devices):
        patch.chdir(Path.cwd())
        proxies().wait_for_nodes()
        yield


pytestmark = pytest.mark.usefixtures("devices")


@pytest.mark.parametrize("name", DEVICES)
def test_attributes_are_named_and_documented(name: str) -> None:
    parameters = {"rows", "gain", "title", "dark", "mask"}
    for attribute in tango.DeviceProxy(name).attribute_list_query():
        if attribute.name in OF_TANGO:
            continue
        assert re.fullmatch("[a-z][a-zA-Z]+", attribute.name)
        assert attribute.name in parameters or attribute.label[0].isupper(), f"{attribute.name} has no label"
        assert attribute.description not in ("", "No description"), f"{attribute.name} has no doc"
        if attribute.name.endswith(("Rate", "Bytes", "Load", "Shares", "progress")):
            assert attribute.unit, f"{attribute.name} has no unit"


@pytest.mark.parametrize("name", DEVICES)
def test_commands_are_named_and_documented(name: str) -> None:
    for command in tango.DeviceProxy(name).command_list_query():
        if command.cmd_name in OF_TANGO:
            continue
        assert re.fullmatch("[A-Z][a-zA-Z]+", command.cmd_name)
        for way, described in ((command.in_type, command.in_type_desc), (command.out_type, command.out_type_desc)):
            assert way == tango.CmdArgType.DevVoid or described not in ("", "Uninitialised"), command.cmd_name


@pytest.mark.parametrize("name", DEVICES)
def test_commands_answer_at_once(name: str) -> None:
    controller, device = tango.DeviceProxy(CONTROLLER), tango.DeviceProxy(name)
    for command in sorted({command.cmd_name for command in device.command_list_query()} - OF_TANGO):
        for _ in range(TRIES):
            controller.Abort()
            wait_for_state(device, DevState.STANDBY)
            if command in IN_A_SCAN:
                controller.Arm(UNIFORM)
                wait_for_state(device, DevState.RUNNING)
            began = time.monotonic()
            device.command_inout(command, ARGUMENTS.get(command))
            if time.monotonic() - began < AT_ONCE:
                break
        else:
            pytest.fail(f"{command} of {name} took more than {AT_ONCE} s each time")
    controller.Abort()


@pytest.mark.parametrize("device_class", ["Controller", "Ingester", "Worker", "Reducer"])
def test_properties_are_named_and_documented(device_class: str) -> None:
    module = __import__(f"dranspose_tango.{device_class.lower()}", fromlist=["module"])
    found = getattr(module, f"Dranspose{device_class}").TangoClassClass.device_property_list
    for name, (_, doc, *_) in found.items():
        assert re.fullmatch("[A-Z][a-zA-Z]+", name)
        assert doc, f"{name} has no doc"


@pytest.mark.parametrize("name", DEVICES)
def test_every_attribute_can_be_read_and_listened_to(name: str) -> None:
    device = tango.DeviceProxy(name)
    for attribute in device.attribute_list_query():
        device.read_attribute(attribute.name)
        if attribute.data_type == tango.CmdArgType.DevEncoded:
            continue
        subscription = device.subscribe_event(attribute.name, tango.EventType.CHANGE_EVENT, lambda event: None)
        device.unsubscribe_event(subscription)
