"""A real Sardana, in an environment of its own, beside a real ensemble, in a Tango database of their own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import tango
from tests.free_ports import free_ports

import dranspose_tango.sardana

TIMEOUT = 60  # seconds; only a test that fails ever waits for so long
BIN = Path(sys.executable).parent
SARDANA = Path(sys.prefix) / "sardana"
POOL, MACRO_SERVER, DOOR = "pool/test/1", "MacroServer/test/1", "Door/test/1"
CONTROLLER, REDUCER_DEVICE = "test/dranspose/controller", "test/dranspose/reducer"
FOLDERS = Path(dranspose_tango.sardana.__file__).parent
HERE = Path(__file__).parent

WORKER = """
    from dranspose.data.stream1 import Stream1Data
    from dranspose.middlewares import sardana, stream1
    from dranspose.parameters import BinaryParameter, IntParameter

    class Worker:
        def __init__(self, *args, **kwargs):
            pass

        @staticmethod
        def describe_parameters():
            return [IntParameter(name="gain", default=1), BinaryParameter(name="poni")]

        def process_event(self, event, parameters):
            image = stream1.parse(event.streams["xrd"]) if "xrd" in event.streams else None
            if isinstance(image, Stream1Data):
                record = vars(sardana.parse(event.streams["sardana"])) if "sardana" in event.streams else {}
                return {"image": image.frame} | {
                    name: record[name] for name in ("mot01", "mot02", "point_nb") if name in record
                }
"""
REDUCER = """
    import json
    from pathlib import Path

    import numpy as np

    class Reducer:
        def __init__(self, *args, **kwargs):
            self.events = {}
            self.publish = {}

        def process_result(self, result, parameters):
            self.events[result.event_number] = result.payload
            count = len(self.events)
            self.publish.update(
                count=float(count), profile=np.arange(count, dtype=float), image=np.full((2, 3), float(count))
            )

        def finish(self, parameters):
            unfinished = Path("events.new")
            unfinished.write_text(json.dumps(self.events))
            unfinished.rename("events.json")
"""
ENSEMBLE = """
    name = "test"
    [[ingester]]
    streams = ["xrd"]
    source = "stins"
    url = "{detector}"
    [[ingester]]
    streams = ["sardana"]
    source = "sardana"
    url = "http://127.0.0.1:{records}"
    [worker]
    class = "src.worker:Worker"
    count = 2
    [reducer]
    class = "src.reducer:Reducer"
"""


class Lines:
    """What a process prints, to be waited for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, text: str) -> str:
        """Return the next line with this text."""
        while True:
            try:
                line = self._lines.get(timeout=TIMEOUT)
            except queue.Empty:
                line = ""
            if text in line:
                return line
            self.seen.append(line)
            assert line, f"{text!r} does not come; this came: {''.join(self.seen)}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[Lines]:
    """Run a process in a folder; it is told to end in the end, and then killed."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        with process.stdin as answers:
            answers.write("y\n")
        yield Lines(process)
    finally:
        process.terminate()
        try:
            process.wait(TIMEOUT)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass
class Outcome:
    """How a macro ended, and what it wrote, line by line."""

    state: Any
    output: list[str] = field(default_factory=list)
    info: list[str] = field(default_factory=list)
    warning: list[str] = field(default_factory=list)
    error: list[str] = field(default_factory=list)


class Door:
    """The door of the Sardana."""

    CHANNELS = ("output", "info", "warning", "error")

    def __init__(self, proxy: tango.DeviceProxy) -> None:
        self.proxy = proxy
        self._events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        for name in ("state", *self.CHANNELS):
            proxy.subscribe_event(name, tango.EventType.CHANGE_EVENT, self._take)
        self.outcome = Outcome(None)

    def _take(self, event: Any) -> None:
        if not event.err:
            self._events.put((event.attr_value.name.lower(), event.attr_value.value))

    def start(self, *macro: object) -> None:
        """Start a macro."""
        while not self._events.empty():
            self._events.get()
        self.outcome = Outcome(None)
        self.proxy.RunMacro([str(word) for word in macro])

    def wait_for_state(self, *states: tango.DevState) -> None:
        """Wait for one of these states."""
        while self.outcome.state not in states:
            self._next()

    def wait_for_output(self, beginning: str) -> None:
        """Wait for a line of output, stripped, that begins like this."""
        while not any(line.strip().startswith(beginning) for line in self.outcome.output):
            self._next()

    def wait(self) -> Outcome:
        """Return how the macro that was started ends."""
        self.wait_for_state(tango.DevState.RUNNING)
        self.wait_for_state(tango.DevState.ON, tango.DevState.ALARM)
        return self.outcome

    def run(self, *macro: object) -> Outcome:
        """Run a macro that goes well."""
        self.start(*macro)
        outcome = self.wait()
        assert outcome.state == tango.DevState.ON, (macro, outcome)
        return outcome

    def _next(self) -> None:
        try:
            name, value = self._events.get(timeout=TIMEOUT)
        except queue.Empty:
            raise TimeoutError(f"the door says nothing more: {self.outcome}") from None
        if name == "state":
            self.outcome.state = value
        else:
            getattr(self.outcome, name).extend(value or ())


@dataclass(frozen=True)
class Beamline:
    """A Sardana and an ensemble, both ready."""

    folder: Path
    door: Door
    controller: tango.DeviceProxy

    def events(self) -> dict[int, dict[str, Any]]:
        """Return the results of the last scan, by event number, once."""
        file = self.folder / "events.json"
        found = json.loads(file.read_text())
        file.unlink()
        return {event: found[str(event)] for event in sorted(map(int, found))}


def wait_for_value(device: str, attribute: str, value: object) -> None:
    """Wait until a device shows this value."""
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
    proxy = tango.DeviceProxy(device)
    subscription = proxy.subscribe_event(attribute, tango.EventType.CHANGE_EVENT, seen.put)
    try:
        while (event := seen.get(timeout=TIMEOUT)).err or event.attr_value.value != value:
            pass
    finally:
        proxy.unsubscribe_event(subscription)


@contextmanager
def started(folder: Path) -> Iterator[Beamline]:
    """Run the database, the ensemble and Sardana, with motors, a detector and channels of results."""
    (folder / "src").mkdir()
    (folder / "src/worker.py").write_text(dedent(WORKER))
    (folder / "src/reducer.py").write_text(dedent(REDUCER))
    ports = free_ports(2)
    detector = f"tcp://127.0.0.1:{ports[0]}"
    (folder / "ensemble.toml").write_text(dedent(ENSEMBLE).format(detector=detector, records=ports[1]))
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.delenv("TANGO_HOST", raising=False)
        ensemble = stack.enter_context(
            running([str(BIN / "dranspose"), "up", "ensemble.toml"], folder, XDG_STATE_HOME=str(folder / "state"))
        )
        tango_host = ensemble.wait_for("TANGO_HOST=").strip().partition("=")[2]
        patch.setenv("TANGO_HOST", tango_host)
        ensemble.wait_for("ready after")
        database = tango.Database(*tango_host.split(":"))
        macro_server = {
            "MacroPath": [FOLDERS / "macros"],
            "RecorderPath": [FOLDERS / "recorders", HERE / "recorders"],
            "EnvironmentDb": [folder / "environment"],
        }
        database.put_device_property(MACRO_SERVER, {name: [*map(str, paths)] for name, paths in macro_server.items()})
        database.put_device_property(POOL, {"PoolPath": [str(FOLDERS / "controllers"), str(HERE / "controllers")]})
        stack.enter_context(
            running([str(SARDANA / "bin/Sardana"), "test"], folder, HOME=str(folder), TMPDIR=str(folder))
        )
        door = Door(wait_for_device(f"tango://{tango_host}/{DOOR}"))
        define_elements(door, detector)
        door.run("senv", "ScanDir", folder)
        yield Beamline(folder, door, tango.DeviceProxy(f"tango://{tango_host}/{CONTROLLER}"))


def define_elements(door: Door, detector: str) -> None:
    """Have motors, a counter, a detector ``xrd`` that sends to this URL, and channels of results."""
    for controller, name, elements, properties in (
        ("DummyMotorController", "motctrl", ("mot01", "mot02"), ()),
        ("DummyCounterTimerController", "ctctrl", ("ct01",), ()),
        ("DummyTriggerGateController", "tgctrl", ("tg01",), ()),
        ("StinsChannelController", "xrdctrl", ("xrd",), ("Url", detector)),
        ("PipelineZeroDController", "numbers", ("count",), ("Reducer", REDUCER_DEVICE)),
        ("PipelineOneDController", "spectra", ("profile",), ("Reducer", REDUCER_DEVICE)),
        ("PipelineTwoDController", "images", ("image",), ("Reducer", REDUCER_DEVICE)),
    ):
        door.run("defctrl", controller, name, *properties)
        for axis, element in enumerate(elements, 1):
            door.run("defelem", element, name, axis)
    for motor in ("mot01", "mot02"):
        proxy = tango.DeviceProxy(motor)
        proxy.Velocity, proxy.Acceleration, proxy.Deceleration = 1000, 0.01, 0.01
    tango.DeviceProxy("count").AccumulationType = "Last"
    tango.DeviceProxy("profile").ResultShape = [4]
    tango.DeviceProxy("image").ResultShape = [2, 3]
    for group, *channels in (("all", "xrd", "ct01", "count"), ("results", "ct01", "count", "profile", "image")):
        door.run("defmeas", group, *channels)


def wait_for_device(name: str) -> tango.DeviceProxy:
    """Return a device when it answers."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            proxy = tango.DeviceProxy(name)
            proxy.ping()
        except tango.DevFailed:
            assert time.monotonic() < deadline, f"{name} does not come"
            time.sleep(0.1)
        else:
            return proxy
