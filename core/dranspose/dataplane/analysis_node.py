"""What the nodes that run the user's classes have in common: they listen to the controller between pieces of work."""

from __future__ import annotations

import importlib.metadata
import logging
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import zmq

from dranspose import analysis
from dranspose.analysis import AnalysisError, Context, UserCodeError
from dranspose.build_metadata import read_build_metadata
from dranspose.dataplane.keys import Keys
from dranspose.dataplane.messages import Arm, Failure, Message, Parameters
from dranspose.dataplane.node import STATISTICS_INTERVAL, Node
from dranspose.dataplane.sockets import LIVENESS
from dranspose.dataplane.statistics import Activity, Meter, Stopwatch
from dranspose.dataplane.throttle import Throttle
from dranspose.parameters import TYPES, ParameterVersion
from dranspose.protocol import ParameterName
from dranspose.triggermap import TriggerMap, TriggerMapError

logger = logging.getLogger(__name__)

LOOK_INTERVAL = 0.01
"""Seconds of work after which a node reports, and looks at what the controller says.

So much of what was done just before a long call is told only after it: who calls cannot know how long that will take.
"""
REPORT_DELAY = 0.005
"""Seconds without work before a report: it wakes other nodes, which costs as much as to take in a large frame."""
FAILURES_PER_SECOND = 10


class AnalysisNode(Node):
    """A node that runs one of the user's classes; arguments and attributes are those of `Node`."""

    _instance: analysis.Worker | analysis.Reducer | None

    def __init__(
        self,
        name: str,
        controller_url: str,
        on_change: Callable[[], None] | None = None,
        keys: Keys | None = None,
        liveness: float = LIVENESS,
    ) -> None:
        super().__init__(name, controller_url, on_change, keys, liveness)
        self._latest = ParameterVersion.of(())
        self._versions: dict[int, ParameterVersion] = {}  # those that events of the scan in hand may have
        self._failures = Throttle(FAILURES_PER_SECOND)
        self._context: Context = {}
        self._software = importlib.metadata.version("tangods-dranspose")
        self._build = read_build_metadata()
        self._stopwatch = Stopwatch()
        self._meter = Meter(time.monotonic())
        self._report_at = math.inf  # until something was done since the last report

    @property
    def user_object(self) -> Any:
        """The object of the user's class in the scan in hand, or the last one; None before the first."""
        return None if self._instance is None else self._instance.user_object

    def published(self) -> tuple[Mapping[Any, Any], AbstractContextManager[object] | None]:
        """Return what the class publishes at present, and the lock to hold while reading it; from any thread."""
        instance = self._instance
        return ({}, None) if instance is None else (instance.publish, instance.publish_rlock)

    def _turn(self) -> None:
        stopwatch = self._stopwatch
        busy = self._has_work()
        readable = [] if busy else self._take_in()
        now = stopwatch.spent_on(Activity.JOINING)
        if self._has_work():
            self._report_at = min(self._report_at, now + LOOK_INTERVAL)
            self._work(until=self._report_at)
            now = stopwatch.spent_on(Activity.PROCESSING)
        if now >= self._report_at:
            self._report()
            self._report_at = math.inf
        if busy or self._controller in readable:
            self._listen()
        stopwatch.spent_on(Activity.SENDING)

    def _take_in(self) -> list[zmq.Socket[bytes] | int]:
        """Wait for something to come, and receive it but for what the controller says; return what was readable."""
        unreported = self._report_at < math.inf
        readable = self._wait(self._report_delay() if unreported else STATISTICS_INTERVAL)
        now = self._stopwatch.spent_on(Activity.WAITING)
        if not readable:
            self._report_at = now
        for one in readable:
            if not isinstance(one, zmq.Socket):
                self._wakeup.clear()
                self._report_at = now
            elif one is not self._controller:
                self._receive(one)
        return readable

    # What the nodes differ in

    @abstractmethod
    def _has_work(self) -> bool:
        """Tell whether `_work` has something to do."""

    @abstractmethod
    def _receive(self, socket: zmq.Socket[bytes]) -> None:
        """Take in what a socket has, as much as is to be taken in at once."""

    @abstractmethod
    def _work(self, until: float) -> None:
        """Do what there is to do, piece by piece, until this time, and hand on what comes of it."""

    def _report_delay(self) -> float:
        """Return how many seconds a report waits for more to tell."""
        return REPORT_DELAY

    @abstractmethod
    def _report(self) -> None:
        """Tell the others what was done since the last time."""

    @abstractmethod
    def _make(self, scan: bytes, parameters: ParameterVersion, trigger_map: TriggerMap) -> None:
        """Make a new instance of the user's class; raises AnalysisError, UserCodeError."""

    @abstractmethod
    def _close_instance(self) -> None:
        """Call the user's ``close``, if there is an instance; raises UserCodeError."""

    # The controller

    def _begin(self, scan: bytes, arm: Arm) -> str:
        self._versions = {version: values for version, values in self._versions.items() if version >= arm.version}
        if arm.version not in self._versions:
            return f"{self.name} has not got version {arm.version} of the parameters"
        try:
            self._make(scan, self._versions[arm.version], TriggerMap.from_message(arm.trigger_map))
        except (AnalysisError, TriggerMapError) as error:
            return str(error)
        except UserCodeError as error:
            return f"{error}\n{error.user_traceback()}".rstrip()
        self._meter = Meter(time.monotonic())
        return ""

    def _obey(self, message: Message) -> None:
        match message:
            case Parameters(version, changed):
                self._learn(version, changed)

    def _learn(self, version: int, changed: dict[str, tuple[str, bytes]]) -> None:
        types = {ParameterName(name): TYPES[dtype](name=name) for name, (dtype, _) in changed.items() if dtype}
        self._latest = self._latest.changed(types, {ParameterName(name): data for name, (_, data) in changed.items()})
        self._versions[version] = self._latest

    def _forget(self) -> None:
        self._latest = ParameterVersion.of(())
        self._versions = {}

    def _close(self) -> None:
        try:
            self._close_instance()
        except UserCodeError as error:
            logger.error("%s\n%s", error, error.user_traceback())

    def _tell_failure(self, error: UserCodeError) -> None:
        """Tell the controller that the user's code failed, unless it has failed too often in this second."""
        if self._failures.lets_pass(time.monotonic()):
            event = -1 if error.event_number is None else error.event_number
            self._send(Failure(event, str(error), error.user_traceback()), self._scan_id)
            logger.error("%s\n%s", error, error.user_traceback())
