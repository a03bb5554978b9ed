"""What the four devices have in common: a node in a thread, and one other thread that tells Tango of it."""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import math
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import tango
from tango import DevState
from tango.server import Device, attribute, command, device_property
from tango.utils import PyTangoThread

from dranspose.build_metadata import read_build_metadata
from dranspose.dataplane.keys import Keys, read_keys
from dranspose_tango.device_log import REMEMBERED_LINES, DeviceLog
from dranspose_tango.node_thread import Node, NodeThread
from dranspose_tango.text import latin

logger = logging.getLogger(__name__)

EVENT_VERSION = "5"  # of the interface that clients are sent events by
PUSH_INTERVAL = 0.1  # seconds between two rounds of events, at least
ROUNDS_SHARE = 0.1  # of its time that the reporting thread spends on rounds, at most
IDLE_INTERVAL = 1.0  # seconds between two rounds if nothing is said to have changed, and no scan is in hand
REPEAT_DELAY = 1.0  # seconds after which a value that is still the same is pushed once more
PATIENCE = 2.0  # seconds to wait for user code when a device ends

Condition = tuple[DevState, str]
"""The state of a device, and a sentence that says why."""

reading = functools.partial(attribute, change_event_implemented=True, change_event_detect=False)
"""An attribute whose change events the device pushes by itself."""


def refuse(reason: str, description: str, origin: str) -> NoReturn:
    """Raise the DevFailed with which a command or a write is refused; the description says what to do."""
    tango.Except.throw_exception(reason, description, origin)
    raise AssertionError  # never reached; tells the type checker so


@dataclass(frozen=True, slots=True)
class _Pushed:
    """What was pushed of an attribute, and when (monotonic, in seconds) to push it again."""

    value: Any
    repeat_at: float


class NodeDevice(Device):
    """A device around a node.

    The node runs in a thread of its own and calls `wake` when something has changed. Then the reporting thread, and no
    other, compares the values of all `reading` attributes with those of the round before, and pushes what differs. What
    stays the same afterwards is pushed once more: while a client subscribes, Tango may lose an event.
    """

    KeyFolder = device_property(
        dtype=str,
        default_value="",
        doc="Folder with the keys of the ensemble (dranspose keys), without which nobody may connect; none: no keys.",
    )

    def init_device(self) -> None:
        """Start the node; what is wrong with the properties shows in the state."""
        self._log = DeviceLog()
        logging.getLogger().addHandler(self._log)
        self._thread: NodeThread | None = None
        self._misconfigured = ""
        self._pushed: dict[str, _Pushed] = {}
        self._passed: deque[Condition] = deque()
        self._noted: DevState | None = None
        self._readings = _readings(type(self))
        self._changed = threading.Event()
        self._over = threading.Event()
        self._asides: set[threading.Thread] = set()
        for name in ("State", "Status"):
            self.set_change_event(name, True, False)
        try:
            super().init_device()
        except Exception as error:  # noqa: BLE001 - a server whose init_device raises does not start
            self._misconfigured = f"the properties cannot be read: {error}"
        else:
            self.start_node()
        self._reporter = PyTangoThread(target=self._report, name=f"{self.get_name()} reports", daemon=True)
        self._reporter.start()

    def delete_device(self) -> None:
        """End the node and all threads; user code that does not return is left behind.

        A thread that asks other devices when Tango's server is no more would end the process.
        """
        self._over.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.stop()
        with tango.AutoTangoAllowThreads(self):  # the reporting thread may wait for the device's monitor
            self._reporter.join(PATIENCE)
            for thread in list(self._asides):
                thread.join(PATIENCE)
            if self._thread is not None:
                self._thread.join(PATIENCE)
        logging.getLogger().removeHandler(self._log)

    # What the devices differ in

    @abstractmethod
    def make_node(self) -> Node:
        """Return a node made of the properties; in its own thread; raises ControllerAwayError, or what is wrong."""

    @abstractmethod
    def node_condition(self, node: Any) -> Condition:
        """Return the state that follows from the node's latest snapshot."""

    @property
    @abstractmethod
    def is_in_scan(self) -> bool:
        """Whether the node, which there is, is in a scan."""

    def report_more(self) -> None:
        """Do what else is to be done in a round of the reporting thread."""

    # The node

    def keys(self) -> Keys | None:
        """Return the keys of the ensemble, if it has some; raises KeyFolderError."""
        return read_keys(Path(self.KeyFolder)) if self.KeyFolder else None

    @property
    def node(self) -> Any:
        """The node, None while there is none."""
        return None if self._thread is None else self._thread.node

    def start_node(self) -> None:
        """Start a new node, as soon as the one before has ended."""
        before = self._thread
        if before is not None:
            before.stop()
        self._thread = NodeThread(self.get_name(), self._log, self.make_node, self.wake, before)
        self._thread.start()

    def wake(self) -> None:
        """Let the reporting thread look what has changed; from any thread. No state is skipped, though values are."""
        condition = self.condition()
        if condition[0] is not self._noted:
            self._noted = condition[0]
            self._passed.append(condition)
        self._changed.set()

    def condition(self) -> Condition:
        """Return the state and the status at this moment."""
        state, status = self._condition()
        return state, latin(status)

    def _condition(self) -> Condition:
        thread = self._thread
        if thread is None:
            return DevState.FAULT, f"{self._misconfigured}; correct them, then Init"
        if thread.problem:
            return DevState.FAULT, f"{thread.problem}; repair that, then Reset"
        if thread.node is None:
            return (DevState.UNKNOWN, thread.absence) if thread.absence else (DevState.INIT, "starting")
        return self.node_condition(thread.node)

    def dev_state(self) -> DevState:
        """Return the state at this moment, for those who poll."""
        self.set_state(self.condition()[0])
        return self.get_state()

    def dev_status(self) -> str:
        """Return why the state is what it is."""
        self.set_status(self.condition()[1])
        status: str = self.get_status()
        return status

    # The reporting thread

    def _report(self) -> None:
        self._log.claim()
        untold = ""
        while not self._over.is_set():
            self._changed.wait(PUSH_INTERVAL if self.node is not None and self.is_in_scan else IDLE_INTERVAL)
            self._changed.clear()
            began = time.monotonic()
            self._log.forward(self.get_logger())
            try:
                self.report_more()
                for name, read in self._readings.items():
                    self.push(name, read(self))
                self._push_condition()  # last: what the state says is over has been told
            except Exception as error:  # such as one of the user's lock
                if _is_busy(error):
                    self._changed.set()
                elif str(error) != untold:
                    logger.exception("%s cannot tell all", self.get_name())
                untold = str(error)
            self._over.wait(max(PUSH_INTERVAL, (time.monotonic() - began) / ROUNDS_SHARE))
        self._log.disclaim()

    def _push_condition(self) -> None:
        while self._passed:
            self._push_state(*self._passed[0])
            self._passed.popleft()
        self._push_state(*self.condition())

    def _push_state(self, state: DevState, status: str) -> None:
        with tango.AutoTangoMonitor(self):  # until they are pushed nobody else sets them, such as one who reads
            self.set_state(state)
            self.set_status(status)
            self._push("State", state)
            self._push("Status", status)

    def push(self, name: str, value: Any) -> bool:
        """Push the value of an attribute if it is another than before, and return that; in the reporting thread.

        Raises:
            DevFailed: the device was busy for 3 s; the next round does it.
        """
        return self._push(name, value, value)

    def push_absence(self, name: str, blank: Any) -> None:
        """Push that an attribute has no value, which a blank one of its type stands for; otherwise as `push`."""
        self._push(name, None, blank, time.time(), tango.AttrQuality.ATTR_INVALID)

    def _push(self, name: str, value: Any, *sent: Any) -> bool:
        before, now = self._pushed.get(name), time.monotonic()
        is_new = before is None or not _equal(before.value, value)
        if self._over.is_set() or not (is_new or (before and now >= before.repeat_at)):
            return False
        try:
            self.push_change_event(name, *sent)
        except Exception as error:
            if _is_busy(error):
                raise
            logger.warning("%s: Tango cannot carry %.60r of %s: %s", self.get_name(), value, name, error)
        self._pushed[name] = _Pushed(value, now + REPEAT_DELAY if is_new else math.inf)
        return is_new

    def forget(self, name: str) -> None:
        """Take note that an attribute is no more."""
        self._pushed.pop(name, None)

    def keep_listeners(self, name: str) -> None:
        """Let those who listened to an attribute before it was removed, as for another type, listen to the new one.

        Tango forgets who listens with the attribute, and its clients subscribe again only some minutes later.
        """
        server = tango.DeviceProxy(tango.Util.instance().get_dserver_device().get_name())
        server.command_inout(
            "ZmqEventSubscriptionChange", [self.get_name(), name, "subscribe", "change", EVENT_VERSION]
        )

    @property
    def is_over(self) -> bool:
        """Whether the device is ending: what is not done yet is to be left."""
        return self._over.is_set()

    def aside(self, what: str, action: Callable[[], None]) -> None:
        """Do what may take its time in a thread of its own; if it raises, that is an error of this device."""

        def act() -> None:
            self._log.claim()
            try:
                action()
            except Exception:
                logger.exception("%s could not %s", self.get_name(), what)
            finally:
                self._log.disclaim()
                self.wake()
                self._asides.discard(thread)

        thread = PyTangoThread(target=act, name=f"{self.get_name()}: {what}", daemon=True)
        self._asides.add(thread)
        thread.start()

    # What all have

    @reading(dtype=str, label="Last error", doc="The latest error in this device, with its traceback.")
    def lastError(self) -> str:
        return self._log.errors[-1] if self._log.errors else ""

    @reading(
        dtype=[str], max_dim_x=REMEMBERED_LINES, label="Log", doc="The latest of the log, with local time, newest last."
    )
    def log(self) -> list[str]:
        return list(self._log.lines)

    @reading(dtype=str, label="Version", doc="Version of the software, and of the analysis code where its image tells.")
    def version(self) -> str:
        return deployed_version()

    @command
    def Reset(self) -> None:
        """Forget the errors; start the node anew if it has failed, or has not found its controller."""
        self._log.errors.clear()
        if self._thread is None or self._thread.problem or self._thread.node is None:
            self.start_node()
        self.wake()


@functools.cache
def deployed_version() -> str:
    """Return the version of the software, and of the analysis code where its container image tells."""
    software = f"tangods-dranspose {importlib.metadata.version('tangods-dranspose')}"
    build = read_build_metadata()
    return latin(software if build is None else f"{software}, analysis {build.branch_name} {build.commit_hash}")


def _readings(kind: type) -> dict[str, Callable[[Any], Any]]:
    """Return how to read the attributes that a class of devices has, by their names."""
    return {
        value.attr_name: value.fget
        for base in reversed(kind.__mro__)
        for value in vars(base).values()
        if isinstance(value, attribute)
    }


def _is_busy(error: Exception) -> bool:
    """Tell whether a command has kept the device's monitor for longer than Tango waits for it."""
    return isinstance(error, tango.DevFailed) and error.args[0].reason == "API_CommandTimedOut"


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)
