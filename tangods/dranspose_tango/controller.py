"""The controller device: arms scans, holds the parameters, and shows how it goes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from tango import CmdArgType, DevFailed, DeviceProxy, DevState, DispLevel
from tango.server import command, device_property

from dranspose.dataplane.controller import ABORTED, Controller, Phase, Refused, Status
from dranspose.dataplane.messages import NO_SCAN
from dranspose.dataplane.sockets import LIVENESS
from dranspose.dataplane.statistics import IngesterStatistics, WorkerStatistics
from dranspose.parameters import BinaryParameter, ParameterError
from dranspose.protocol import ParameterName
from dranspose.scheduling.credit import DEFAULT_LIMITS, CreditLimits
from dranspose.scheduling.instructions import Report
from dranspose.scheduling.stimuli import Ranges
from dranspose.triggermap import TriggerMap, TriggerMapError
from dranspose_tango.attributes import Definition, DynamicAttributes
from dranspose_tango.device_log import REMEMBERED_ERRORS
from dranspose_tango.node_device import Condition, NodeDevice, deployed_version, reading, refuse
from dranspose_tango.parameter_memory import ParameterMemory, default_folder
from dranspose_tango.parameter_text import data_of
from dranspose_tango.scan_memory import ScanMemory
from dranspose_tango.text import latin
from dranspose_tango.uploads import UploadError, read_upload

logger = logging.getLogger(__name__)

T = TypeVar("T")

FILE_SUFFIX = "File"
MANY = 2**16
RATE_INTERVAL = 1.0  # seconds
LIVE_EVENTS = 2**40
"""So many events a live view can have: more than it ever will."""

NOTHING = Report(0, 0, 0, 0, (), 0, 0, (), 0, (), 0, 0, ())


class DransposeController(NodeDevice):
    """Deals the events of a scan out to workers, holds the parameters of the analysis, and shows how it goes.

    States:
        INIT: Starting.
        STANDBY: Ready for a scan.
        MOVING: The nodes are being armed, which takes a moment. Abort gives it up.
        RUNNING: In a scan, until its end, which clients wait for: Status says what has gone wrong so far, and the
            attributes that count it are in WARNING. If nothing moves, Status says which tags no worker has, or look for
            a device in FAULT.
        ALARM: Ready, but in the last scan events were lost, or all of it, for the controller was ended in the middle of
            it; or a class of the analysis raised. lastErrors has tracebacks. Reset forgets them.
        FAULT: The last scan could not go on, or a property is wrong, as Status says. Restart the device that it names,
            or correct the property, and then Reset; after a failed scan the next one may begin at once.
    """

    BindInterface = device_property(
        dtype=str, default_value="127.0.0.1", doc="Address of the network interface on which the nodes connect."
    )
    Port = device_property(dtype=int, default_value=0, doc="TCP port on which the nodes connect; 0: any free one.")
    StateFolder = device_property(
        dtype=str,
        default_value="",
        doc="Folder in which the values of parameters, and the scan in hand, are remembered; by default one of the "
        "user's state directory.",
    )
    CreditLimits = device_property(
        dtype=["int"],
        default_value=[DEFAULT_LIMITS.least, DEFAULT_LIMITS.most],
        doc="Between how few and how many events a worker may have in hand; how many it is depends on their duration.",
    )
    Liveness = device_property(
        dtype=float,
        default_value=LIVENESS,
        doc="For how many seconds a node may show no sign of life before it is given up; for all nodes.",
    )
    ParameterDefaults = device_property(
        dtype=[str],
        default_value=[],
        doc="Values of parameters for which none is remembered, each as name=value, or name=@file for its content.",
    )
    UploadDirectories = device_property(
        dtype=[str],
        default_value=[],
        doc="Folders on the controller's host: paths written to <parameter>File have to be below one of them.",
    )
    Detectors = device_property(
        dtype=[str],
        default_value=[],
        doc="Detector devices whose command Live is called for a live view, each as stream=device.",
    )

    # The node

    def init_device(self) -> None:
        """Start the node, with the parameters that are remembered."""
        self._trigger_map = ""
        self._acknowledged = NO_SCAN
        self._live_scan = NO_SCAN
        self._not_live: set[str] = set()
        self._files: dict[str, str] = {}
        self._rate = EventRate()
        self._asked: Collection[str] = ()
        self._versions: dict[str, str] = {}
        self._cut_off = ""  # the scan that was in hand when the controller was ended
        self._in_hand = NO_SCAN
        for memory in ("_memory", "_scan_memory"):
            self.__dict__.pop(memory, None)
        super().init_device()

    def delete_device(self) -> None:
        """End the node, when all that is to be remembered is written."""
        super().delete_device()
        if self.node is not None:
            self._memory.write()
            self._forget_scan_that_is_over(self.node.status)

    @cached_property
    def _memory(self) -> ParameterMemory:
        return ParameterMemory(self._state_folder)

    @cached_property
    def _scan_memory(self) -> ScanMemory:
        return ScanMemory(self._state_folder)

    @property
    def _state_folder(self) -> Path:
        return Path(self.StateFolder) if self.StateFolder else default_folder(self.get_name())

    @cached_property  # they stay when the device is initialised again
    def _parameter_attributes(self) -> DynamicAttributes:
        return DynamicAttributes(self, self._read_parameter, self._write_parameter)

    @cached_property
    def _live_attributes(self) -> DynamicAttributes:
        return DynamicAttributes(self, self._read_live, self._write_live)

    def make_node(self) -> Controller:
        """Return the controller; raises zmq.ZMQError, ValueError, OSError."""
        self._cut_off = self._scan_memory.recall()
        return Controller(
            {**self._parameter_defaults(), **self._memory.values()},
            f"tcp://{self.BindInterface}:{self.Port or '*'}",
            on_change=self.wake,
            keys=self.keys(),
            credit_limits=CreditLimits(*self.CreditLimits),
            liveness=self.Liveness,
        )

    def _parameter_defaults(self) -> dict[ParameterName, bytes]:
        defaults = {}
        for entry in self.ParameterDefaults:
            name, equals, text = entry.partition("=")
            if not (name and equals):
                raise ValueError(f"ParameterDefaults: {entry!r} is not name=value")
            defaults[ParameterName(name)] = data_of(text)
        return defaults

    def node_condition(self, node: Controller) -> Condition:
        """Return the state that follows from the latest snapshot."""
        status, report = node.status, self._scan_report
        if status.phase is Phase.ARMING:
            return DevState.MOVING, f"scan {UUID(bytes=status.scan)} waits for {', '.join(_names(status.arming))}"
        if status.phase is Phase.RUNNING:
            return DevState.RUNNING, _scan_in_words(status, report)
        if status.scan == NO_SCAN and self._cut_off:
            return DevState.ALARM, (
                f"ready for a scan; scan {self._cut_off} was cut off by the end of the controller: all of it is lost"
            )
        if status.scan == self._acknowledged:
            return DevState.STANDBY, "ready for a scan"
        if status.failed == ABORTED:
            return DevState.STANDBY, "ready for a scan; the last one was aborted"
        if status.failed:
            return DevState.FAULT, f"the last scan failed: {status.failed}; the next one may begin, or Reset"
        if problems := _problems(status, report):
            return DevState.ALARM, f"ready for a scan; in the last one {problems}"
        return DevState.STANDBY, f"ready for a scan; {_scan_in_words(status, report)}"

    @property
    def is_in_scan(self) -> bool:
        """Whether a scan is running."""
        return bool(self.node.status.phase is Phase.RUNNING)

    @property
    def _status(self) -> Status | None:
        return None if self.node is None else self.node.status

    @property
    def _scan_report(self) -> Report:
        status = self._status
        return NOTHING if status is None or status.report is None else status.report

    def _commanded(self, origin: str, action: Callable[[Controller], T]) -> T:
        """Return what a command of the node does; what it refuses is a DevFailed."""
        state, status = self.condition()
        if self.node is None or (self._thread is not None and self._thread.problem):
            refuse("OPERATION_NOT_ALLOWED", f"the controller is in state {state}: {status}", origin)
        try:
            result = action(self.node)
        except Refused as error:
            refuse("OPERATION_NOT_ALLOWED", str(error), origin)
        except TriggerMapError as error:
            refuse("TRIGGER_MAP_INVALID", str(error), origin)
        except ParameterError as error:
            refuse("PARAMETER_INVALID", str(error), origin)
        self.wake()
        return result

    # Scans

    @command(
        dtype_in=str,
        doc_in='the trigger map as JSON: parts, a uniform one, or {"streams": [...], "scan": {"nb_points": N}}',
        dtype_out=str,
        doc_out="the id of the scan",
    )
    def Arm(self, trigger_map: str) -> str:
        """Begin a scan: it runs when State is RUNNING. A scan that is being armed is given up for it."""
        return self._arm(trigger_map, "DransposeController::Arm")

    @command(dtype_out=str, doc_out="the id of the scan")
    def Live(self) -> str:
        """Begin a scan without end of the streams whose live switch is on, and start their detectors; Stop ends it."""
        origin = "DransposeController::Live"
        chosen = [stream for stream in self._streams if stream not in self._not_live]
        if not chosen:
            refuse("OPERATION_NOT_ALLOWED", "no stream is chosen: switch one of the live attributes on", origin)
        scan = self._arm(json.dumps({"streams": chosen, "scan": {"nb_points": LIVE_EVENTS}}), origin)
        self._live_scan = UUID(scan).bytes
        return scan

    def _arm(self, trigger_map: str, origin: str) -> str:
        try:
            document = json.loads(trigger_map)
        except ValueError as error:
            refuse("TRIGGER_MAP_INVALID", f"the trigger map is no JSON: {error}", origin)
        scan = self._commanded(origin, lambda node: node.arm(TriggerMap.from_json(document)))
        self._trigger_map = trigger_map
        self._scan_memory.remember(str(UUID(bytes=scan)))
        self._in_hand = scan
        return str(UUID(bytes=scan))

    @command
    def Stop(self) -> None:
        """End the scan early: what has been begun is finished. Nothing happens if there is none."""
        self._commanded("DransposeController::Stop", Controller.stop_scan)

    @command
    def Abort(self) -> None:
        """End the scan at once: what has been begun is dropped. Nothing happens if there is none."""
        self._commanded("DransposeController::Abort", Controller.abort)

    @command
    def Reset(self) -> None:
        """Forget the errors of the last scan."""
        if (status := self._status) is not None and status.phase is Phase.STANDBY:
            self._acknowledged = status.scan
            self._cut_off = ""
            self._scan_memory.forget()
        super().Reset()

    @command(
        dtype_in="uint64",
        doc_in="the number of an event of the scan in hand",
        dtype_out=[str],
        doc_out="what happened to it, in sentences",
        display_level=DispLevel.EXPERT,
    )
    def EventStory(self, event: int) -> list[str]:
        """Tell what happened to an event: who got it, who finished it, what it waits for."""
        return self._commanded("DransposeController::EventStory", lambda node: node.story(event))

    @reading(dtype=str, label="Scan", doc="The id of the scan in hand, or of the last one.")
    def scanId(self) -> str:
        status = self._status
        return self._cut_off if status is None or status.scan == NO_SCAN else str(UUID(bytes=status.scan))

    @reading(dtype=str, label="Trigger map", doc="The trigger map that was armed last, as JSON.")
    def triggerMap(self) -> str:
        return self._trigger_map

    @reading(
        dtype="uint64", label="Total events", doc="How many events the scan has; equals completedEvents at its end."
    )
    def totalEvents(self) -> int:
        return self._scan_report.events

    @reading(dtype="uint64", label="Assigned events", doc="How many events were given to workers.")
    def assignedEvents(self) -> int:
        return self._scan_report.assigned

    @reading(dtype="uint64", label="Completed events", doc="How many events were processed and their results reduced.")
    def completedEvents(self) -> int:
        return self._scan_report.completed

    @reading(dtype="uint64", label="Failed events", doc="How often the Worker class raised.", max_warning=1)
    def failedEvents(self) -> int:
        return self._scan_report.failed

    @reading(
        dtype="uint64",
        label="Redispatched events",
        max_warning=1,
        doc="How many events were given to another worker: theirs was lost.",
    )
    def redispatchedEvents(self) -> int:
        return self._scan_report.redispatched

    @reading(
        dtype="uint64",
        label="Empty events",
        max_warning=1,
        doc="How many events have no frame at all, for all were lost.",
    )
    def emptyEvents(self) -> int:
        return self._scan_report.missing

    @reading(
        dtype="uint64",
        label="Poisoned events",
        max_warning=1,
        doc="How many events were set aside because they killed workers.",
    )
    def poisonedEvents(self) -> int:
        return _count(self._scan_report.poisoned)

    @reading(
        dtype=float,
        label="Progress",
        unit="%",
        min_value=0,
        max_value=100,
        format="%5.1f",
        doc="Which part of the events is complete, or was left out because the scan was stopped.",
    )
    def progress(self) -> float:
        report = self._scan_report
        return 100 * (report.completed + report.skipped) / report.events if report.events else 0.0

    @reading(
        dtype=float, label="Event rate", unit="1/s", format="%8.1f", doc="How many events are completed per second."
    )
    def eventRate(self) -> float:
        return self._rate.latest

    # The nodes

    @reading(
        dtype=str,
        label="Control endpoint",
        display_level=DispLevel.EXPERT,
        doc="Where the nodes connect to, as ZMQ URL.",
    )
    def controlEndpoint(self) -> str:
        return "" if self.node is None else self.node.url

    @reading(
        dtype=float,
        label="Liveness",
        unit="s",
        display_level=DispLevel.EXPERT,
        doc="For how long a node may show no sign of life before it is given up.",
    )
    def liveness(self) -> float:
        return 0.0 if self.node is None else self.node.liveness

    @reading(dtype=[str], max_dim_x=MANY, label="Streams", doc="The streams of all ingesters that are there.")
    def streams(self) -> list[str]:
        return self._streams

    @reading(dtype=[str], max_dim_x=MANY, label="Ingesters", doc="The ingesters that are there.")
    def ingesters(self) -> list[str]:
        return [] if self._status is None else _names(self._status.ingesters)

    @reading(dtype=[str], max_dim_x=MANY, label="Workers", doc="The workers that are there.")
    def workers(self) -> list[str]:
        return [] if self._status is None else _names(self._status.workers)

    @reading(dtype=str, label="Reducer", doc="The reducer that is there.")
    def reducer(self) -> str:
        return "" if self._status is None else ", ".join(_names(self._status.reducers))

    @reading(dtype=[str], max_dim_x=MANY, label="Deployed versions", doc="What version each device has.")
    def deployedVersions(self) -> list[str]:
        versions = {self.get_name(): deployed_version(), **self._versions}
        return [f"{name}: {version}" for name, version in sorted(versions.items())]

    @reading(dtype=[str], max_dim_x=MANY, label="Refused nodes", doc="Nodes that were not taken in, and why.")
    def refusedNodes(self) -> list[str]:
        refused = {} if self._status is None else self._status.refused
        return [latin(f"{_name(identity)}: {reason}") for identity, reason in refused.items()]

    @reading(dtype=[str], max_dim_x=REMEMBERED_ERRORS, label="Last errors", doc="Errors with tracebacks, newest last.")
    def lastErrors(self) -> list[str]:
        return list(self._log.errors)

    @reading(
        dtype=[float],
        max_dim_x=MANY,
        label="Worker load",
        unit="%",
        doc="Share of its time in which each worker is not waiting for events, in the order of workers.",
    )
    def workerLoad(self) -> list[float]:
        return [100 * (1 - one.time.waiting) if one else 0.0 for one in self._of_workers()]

    @reading(
        dtype=[float],
        max_dim_x=MANY,
        label="Worker event rate",
        unit="1/s",
        doc="How many events each worker processes per second, in the order of workers.",
    )
    def workerEventRate(self) -> list[float]:
        return [one.rate if one else 0.0 for one in self._of_workers()]

    @reading(
        dtype=["uint64"],
        max_dim_x=MANY,
        label="Worker credit",
        doc="How many events each worker may have in hand in this scan, in the order of workers.",
    )
    def workerCredit(self) -> list[int]:
        status = self._status
        return [] if status is None else [status.windows.get(each, 0) for each in sorted(status.workers, key=_name)]

    @reading(
        dtype="uint64",
        label="Missing frames",
        max_warning=1,
        doc="How many frames of this scan were lost on the way to ingesters.",
    )
    def missingFrames(self) -> int:
        found = {} if self._status is None else self._status.statistics
        return sum(one.counts.missing for one in found.values() if isinstance(one, IngesterStatistics))

    def _of_workers(self) -> list[WorkerStatistics | None]:
        """Return the statistics of each worker, None of one that has not told any, in the order of `workers`."""
        status = self._status
        if status is None:
            return []
        found = [status.statistics.get(identity) for identity in sorted(status.workers, key=_name)]
        return [one if isinstance(one, WorkerStatistics) else None for one in found]

    # Parameters

    @command(
        dtype_in=[str], doc_in="name and value of a parameter, the value as text", dtype_out=str, doc_out="the new hash"
    )
    def SetParameter(self, name_and_value: Sequence[str]) -> str:
        """Change a parameter, also one that no class describes; it takes effect from one event on for all workers."""
        if len(name_and_value) != 2:
            refuse(
                "PARAMETER_INVALID",
                f"SetParameter takes two texts, name and value, not {len(name_and_value)}",
                "DransposeController::SetParameter",
            )
        name, value = name_and_value
        return self._set_parameter(name, value.encode(), "DransposeController::SetParameter")

    @command(
        dtype_in="DevEncoded",
        doc_in="name (the format) and content of a parameter",
        dtype_out=str,
        doc_out="the new hash",
    )
    def UploadParameter(self, name_and_content: tuple[str, bytes]) -> str:
        """Change a parameter to the content of a file."""
        name, content = name_and_content
        return self._set_parameter(name, bytes(content), "DransposeController::UploadParameter")

    @command(
        dtype_out=str, doc_out="a JSON list of objects: name, dtype, description, unit, default, minimum, maximum, size"
    )
    def DescribeParameters(self) -> str:
        """Tell which parameters the classes of the workers and the reducer describe."""
        status = self._status
        described, values = ({}, {}) if status is None else (status.descriptions, status.parameters.values)
        return json.dumps(
            [
                {
                    "name": name,
                    "dtype": parameter.dtype,
                    "description": parameter.description,
                    "unit": parameter.unit,
                    "default": None if isinstance(parameter, BinaryParameter) else parameter.default,
                    **parameter.limits,
                    "size": len(values[name].data) if name in values else 0,
                }
                for name, parameter in sorted(described.items())
            ]
        )

    @reading(dtype=[str], max_dim_x=MANY, label="Parameters", doc="The attributes that are parameters of the analysis.")
    def parameters(self) -> list[str]:
        return self._parameter_attributes.names

    @reading(dtype=str, label="Parameters hash", doc="The SHA-256 of all parameters, as results carry it.")
    def parametersHash(self) -> str:
        return "" if self._status is None else self._status.parameters.hash

    def _set_parameter(self, name: str, data: bytes, origin: str, file: str = "") -> str:
        def change(node: Controller) -> str:
            node.set_parameter(name, data)
            return node.status.parameters.hash

        hash_ = self._commanded(origin, change)
        self._files[name] = file
        try:
            self._memory.remember(name, data)
        except OSError as error:
            refuse(
                "PARAMETER_NOT_REMEMBERED", f"{name} is in force, but will be lost with the controller: {error}", origin
            )
        return hash_

    def _read_parameter(self, definition: Definition) -> Any:
        attribute, status = definition.name, self._status
        if status is None:
            refuse("OPERATION_NOT_ALLOWED", self.condition()[1], f"DransposeController::{attribute}")
        if (parameter := status.parameters.values.get(ParameterName(attribute))) is None:
            return self._files.get(attribute.removesuffix(FILE_SUFFIX), "")
        if isinstance(status.descriptions.get(parameter.name), BinaryParameter):
            return "binary", parameter.data
        return latin(parameter.value) if isinstance(parameter.value, str) else parameter.value

    def _write_parameter(self, attribute: str, value: Any) -> None:
        origin = f"DransposeController::{attribute}"
        described = {} if self._status is None else self._status.descriptions
        if (description := described.get(ParameterName(attribute))) is None:
            try:
                content = read_upload(value, self.UploadDirectories)
            except UploadError as error:
                refuse("UPLOAD_REFUSED", str(error), origin)
            self._set_parameter(attribute.removesuffix(FILE_SUFFIX), content, origin, file=value)
        elif isinstance(description, BinaryParameter):
            self._set_parameter(attribute, bytes(value[1]), origin)
        else:
            self._set_parameter(attribute, description.to_bytes(value), origin)

    # Live views

    @property
    def _streams(self) -> list[str]:
        return [] if self._status is None else list(self._status.streams)

    @reading(dtype=[str], max_dim_x=MANY, label="Live switches", doc="The attributes that choose streams for Live.")
    def liveSwitches(self) -> list[str]:
        return self._live_attributes.names

    def _read_live(self, definition: Definition) -> bool:
        return self._stream_of(definition.name) not in self._not_live

    def _write_live(self, attribute: str, value: bool) -> None:
        (self._not_live.discard if value else self._not_live.add)(self._stream_of(attribute))
        self.wake()

    def _stream_of(self, attribute: str) -> str:
        return next(stream for stream in self._streams if _live_name(stream) == attribute)

    def _start_detectors(self, streams: Sequence[str]) -> None:
        devices = dict(entry.split("=", 1) for entry in self.Detectors)
        chosen = [devices[stream] for stream in streams if stream in devices]
        self._ask(chosen, lambda device: device.command_inout("Live"))

    # Other devices

    def _ask(self, names: Collection[str], action: Callable[[DeviceProxy], object]) -> None:
        """Ask devices for something, which may take its time, in a thread of its own; what fails is an error here."""

        def ask() -> None:
            for name in names:
                if self.is_over:
                    return
                try:
                    action(DeviceProxy(name))
                except DevFailed as error:
                    logger.error("%s did not do what it was asked for: %s", name, error.args[0].desc)

        self.aside("ask other devices", ask)

    def _ask_for_versions(self, nodes: Collection[str]) -> None:
        """Learn what runs where, when there are other nodes than before."""
        if nodes == self._asked:
            return
        self._asked = nodes
        self._versions = {}

        def learn(device: DeviceProxy) -> None:
            self._versions[device.dev_name()] = device.read_attribute("version").value

        self._ask(_names(nodes), learn)

    @command(dtype_in=str, doc_in="what capturePath of each ingester is to be; empty for no recording")
    def SaveCapture(self, path: str) -> None:
        """Record the scans from the next one on, in all ingesters; with a prefix each scan has files of its own."""
        self._ask(
            [] if self._status is None else _names(self._status.ingesters),
            lambda device: device.write_attribute("capturePath", path),
        )

    # The reporting thread

    def report_more(self) -> None:
        """Write what is to be remembered; have the attributes of parameters and streams, and push what is new."""
        status = self._status
        if status is None:
            return
        self._memory.write()
        self._forget_scan_that_is_over(status)
        self._rate.observe(status.scan, self._scan_report.completed, time.monotonic())
        self._ask_for_versions((*status.ingesters, *status.workers, *status.reducers))
        if self._live_scan == status.scan != NO_SCAN and status.phase is Phase.RUNNING:
            self._live_scan = NO_SCAN
            self._start_detectors(json.loads(self._trigger_map)["streams"])
        definitions: dict[str, Definition] = {}
        for name, parameter in status.descriptions.items():
            definitions[name] = Definition.of_parameter(parameter)
            if isinstance(parameter, BinaryParameter):
                definitions[name + FILE_SUFFIX] = _file_of(name)
        self._parameter_attributes.follow(definitions)
        self._parameter_attributes.push()
        self._live_attributes.follow({_live_name(stream): _live_switch(stream) for stream in self._streams})
        self._live_attributes.push()

    def _forget_scan_that_is_over(self, status: Status) -> None:
        if status.phase is Phase.STANDBY and status.scan == self._in_hand != NO_SCAN:
            self._scan_memory.forget()
            self._in_hand = NO_SCAN


class EventRate:
    """How many events are completed per second, over the last second or so."""

    def __init__(self) -> None:
        self.latest = 0.0
        self._scan = NO_SCAN
        self._completed, self._at = 0, 0.0

    def observe(self, scan: bytes, completed: int, now: float) -> None:
        """Take note of how many events of a scan are complete at a time (monotonic, in seconds)."""
        if scan != self._scan:
            self._scan, self._completed, self._at, self.latest = scan, 0, now, 0.0
        elif now - self._at >= RATE_INTERVAL:
            self.latest = (completed - self._completed) / (now - self._at)
            self._completed, self._at = completed, now


def _live_name(stream: str) -> str:
    return f"live{stream[:1].upper()}{stream[1:]}"


def _live_switch(stream: str) -> Definition:
    doc = f"Whether the command Live shows the stream {stream}."
    return Definition(_live_name(stream), CmdArgType.DevBoolean, label=f"Live {stream}", doc=doc)


def _file_of(parameter: str) -> Definition:
    doc = f"Path, on the controller's host, of the file whose content {parameter} is."
    return Definition(parameter + FILE_SUFFIX, CmdArgType.DevString, label=f"File of {parameter}", doc=doc)


def _names(identities: Collection[str]) -> list[str]:
    return sorted(map(_name, identities))


def _name(identity: str) -> str:
    return identity.rpartition(":")[0]


def _count(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _problems(status: Status, report: Report) -> str:
    """Return in words what went wrong in a scan, nothing if nothing did."""
    counts = {
        "failed": report.failed,
        "had no frame": report.missing,
        "were set aside because they killed workers": _count(report.poisoned),
        "were only in the memory of lost workers": _count(report.state_lost),
    }
    problems = [f"{count} events {what}" for what, count in counts.items() if count]
    if status.failures:
        first = status.failures[0]
        _, _, error = first.traceback.rstrip().rpartition("\n")
        problems.append(f"{first.text}: {error}")
    return ", ".join(problems)


def _scan_in_words(status: Status, report: Report) -> str:
    if status.scan == NO_SCAN:
        return "no scan so far"
    text = f"scan {UUID(bytes=status.scan)}: {report.completed} of {report.events} events are complete"
    if problems := _problems(status, report):
        text += f"; {problems}"
    if report.redispatched:
        text += f"; {report.redispatched} events were given to another worker, for theirs was lost"
    if status.unserved:
        text += f"; waits for workers with the tags {' or '.join('+'.join(sorted(tags)) for tags in status.unserved)}"
    return text
