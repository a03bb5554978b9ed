"""What the ingester, worker and reducer device have in common: they belong to a controller."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from tango import DevState
from tango.server import command, device_property

from dranspose.dataplane.messages import NO_SCAN
from dranspose.dataplane.node import Phase
from dranspose_tango.node_device import Condition, NodeDevice
from dranspose_tango.node_thread import Control, ControllerAwayError, control_of

LOOK_INTERVAL = 1.0  # seconds between two looks for a controller that is out of touch


class ControlledDevice(NodeDevice):
    """A device whose node follows a controller, and finds it again when that was started anew.

    States:
        INIT: Starting.
        UNKNOWN: Out of touch with the controller, or looking for it. It comes back by itself when the controller's
            device runs, the property Controller names it, and the controller's BindInterface can be reached.
        STANDBY: Ready for a scan.
        RUNNING: In a scan.
        ALARM: In a scan or ready, but something went wrong in it, or in the last one, as Status says: lastError has
            more. Reset forgets it when the scan is over.
        FAULT: It cannot take part in a scan: a property is wrong, or the user's class, or there is a bug. Correct what
            Status and lastError say, then Reset, or Init after a change of properties.
    """

    Controller = device_property(
        dtype=str, mandatory=True, doc="The controller: the name of its device, or its full resource name."
    )

    def init_device(self) -> None:
        """Start the node, as soon as the controller is found."""
        self._control: Control | None = None
        self._next_look = 0.0
        self._acknowledged = NO_SCAN
        super().init_device()

    @abstractmethod
    def troubles(self, statistics: Any) -> str:
        """Return in words what went wrong in the scan of the statistics, nothing if nothing did."""

    def waits_for(self, statistics: Any) -> str:
        """Return in words what a scan waits for, nothing if it goes on."""
        return ""

    @property
    def is_in_scan(self) -> bool:
        """Whether the node, which there is, is in a scan."""
        return bool(self.node.state.phase is Phase.RUNNING)

    @property
    @abstractmethod
    def statistics(self) -> Any:
        """The latest statistics of the node; while there is none, those of one that has done nothing."""

    def find_controller(self) -> Control:
        """Return how the node is to connect to its controller; raises ControllerAwayError."""
        self._control = control_of(self.Controller)
        return self._control

    def node_condition(self, node: Any) -> Condition:
        """Return the state that follows from those of the node and the scan."""
        phase, reason = node.state.phase, node.state.reason
        troubles = self.troubles(node.statistics)
        match phase:
            case Phase.OUT_OF_TOUCH:
                return DevState.UNKNOWN, f"out of touch with {self.Controller}"
            case Phase.FAILED:
                return DevState.FAULT, reason
            case Phase.RUNNING:
                says = "; ".join(filter(None, ("in a scan", troubles, self.waits_for(node.statistics))))
                return DevState.ALARM if troubles else DevState.RUNNING, says
        if troubles and node.statistics.scan != self._acknowledged:
            return DevState.ALARM, f"ready for a scan; in the last one {troubles}"
        return DevState.STANDBY, "ready for a scan"

    @command
    def Reset(self) -> None:
        """Forget the errors; start the node anew if it has failed, or has not found its controller."""
        if self.node is not None and not self.is_in_scan:
            self._acknowledged = self.statistics.scan
        super().Reset()

    def report_more(self) -> None:
        """Start the node anew if the controller was, and is to be found elsewhere now."""
        now = time.monotonic()
        if self.node is None or self.node.state.phase is not Phase.OUT_OF_TOUCH or now < self._next_look:
            return
        self._next_look = now + LOOK_INTERVAL
        before = self._control
        try:
            if self.find_controller() != before:
                self.start_node()
        except ControllerAwayError:
            pass


def counted(counts: Mapping[str, int]) -> str:
    """Return those counts that are not 0, with what they count."""
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)
