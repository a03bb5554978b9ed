"""A node of the data plane in a thread of its own, from the search for its controller to its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import tango
from tango.utils import PyTangoThread

from dranspose_tango.device_log import DeviceLog
from dranspose_tango.tango_errors import explain

logger = logging.getLogger(__name__)

RETRY_INTERVAL = 0.3  # seconds between two looks for the controller


class ControllerAwayError(Exception):
    """The controller device does not answer, or is not ready; the text says what was tried."""


class Node(Protocol):
    """What a device asks of any node."""

    def run(self) -> None:
        """Work until `stop`."""

    def stop(self) -> None:
        """End `run`, from any thread."""


@dataclass(frozen=True, slots=True)
class Control:
    """How nodes connect to a controller.

    Attributes:
        endpoint: where, as ZMQ URL.
        liveness: for how many seconds a node may show no sign of life.
    """

    endpoint: str
    liveness: float


def control_of(controller: str) -> Control:
    """Return how nodes connect to a controller, as its device tells; raises ControllerAwayError."""
    try:
        read = tango.DeviceProxy(controller).read_attributes(["controlEndpoint", "liveness"])
        control = Control(*(attribute.value for attribute in read))
    except tango.DevFailed as error:
        raise ControllerAwayError(f"waits for controller {controller!r}: {explain(error)}") from None
    if not control.endpoint:
        raise ControllerAwayError(f"waits for controller {controller!r}, which is starting")
    return control


class NodeThread:
    """Makes a node and runs it; an attempt at a controller that is away is made again.

    Args:
        name: of the device.
        log: of the device.
        make: makes the node, in the thread; may raise ControllerAwayError.
        changed: is called, in the thread, when one of the attributes changes.
        before: the thread of the node before, which is waited for.

    Attributes:
        node: the node, as soon as there is one.
        absence: what keeps it from its controller so far.
        problem: what ended the thread, empty if nothing did but `stop`.
    """

    def __init__(
        self,
        name: str,
        log: DeviceLog,
        make: Callable[[], Node],
        changed: Callable[[], None],
        before: NodeThread | None,
    ) -> None:
        self.node: Node | None = None
        self.absence = ""
        self.problem = ""
        self._log = log
        self._make = make
        self._changed = changed
        self._before = before
        self._over = threading.Event()
        self._thread = PyTangoThread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the node, from any thread."""
        self._over.set()
        if self.node is not None:
            self.node.stop()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most so many seconds; return whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if self._before is not None:
            self._before.join()
            self._before = None
        self._log.claim()
        try:
            self._make_and_run()
        finally:
            self._log.disclaim()
            self._changed()

    def _make_and_run(self) -> None:
        while not self._over.is_set():
            try:
                self.node = self._make()
                break
            except ControllerAwayError as error:
                self.absence = str(error)
                self._changed()
                self._over.wait(RETRY_INTERVAL)
            except Exception as error:  # whatever a user's module raises
                logger.exception("%s cannot start", self._thread.name)
                self.problem = f"{type(error).__name__}: {error}"
                return
        if self.node is None:
            return
        self._changed()
        if self._over.is_set():  # `stop` may have come before there was a node to tell
            self.node.stop()
        try:
            self.node.run()
        except Exception:
            logger.exception("%s has ended", self._thread.name)
        if not self._over.is_set():
            self.problem = "the node has ended, which is a bug in dranspose: see lastError"
