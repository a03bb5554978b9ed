"""What the worker and the reducer device have in common: a user's class, and attributes that show what it publishes."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import Any
from uuid import UUID

from tango.server import command, device_property

from dranspose.analysis import load_class
from dranspose.dataplane.messages import NO_SCAN
from dranspose.dataplane.node import Phase
from dranspose.dataplane.statistics import TimeShares
from dranspose.publish.tree import Omissions
from dranspose_tango.analysis_folder import FOLDER
from dranspose_tango.attributes import MAX_PUBLISHED, Definition, DynamicAttributes, Published, plots, published
from dranspose_tango.controlled_device import ControlledDevice
from dranspose_tango.node_device import reading, refuse


class AnalysisDevice(ControlledDevice):
    """A device that runs a user's class; what its ``publish`` holds are attributes of the device."""

    AnalysisClass = device_property(
        dtype=str, mandatory=True, doc="The class, as package.module:Class, such as src.worker:TestWorker."
    )
    AnalysisPath = device_property(
        dtype=str,
        default_value=".",
        doc="The folder in which the class is looked for, and which it works in: one for all devices of a server.",
    )

    def init_device(self) -> None:
        """Start the node, with nothing published."""
        self._omissions = Omissions()
        self._shown: dict[str, Published] = {}
        self._shown_by: Any = None
        self._known: dict[str, Definition] = {}
        self._shown_scan = NO_SCAN
        self._plots: list[str] = []
        super().init_device()

    @cached_property  # they stay when the device is initialised again
    def _attributes(self) -> DynamicAttributes:
        return DynamicAttributes(self, self._read_published)

    def load_analysis(self) -> type[Any]:
        """Return the user's class; raises AnalysisError, UserCodeError."""
        with FOLDER.loading(self.AnalysisPath, self.get_name()):
            return load_class(self.AnalysisClass)

    def delete_device(self) -> None:
        """End the node, and leave the folder to others."""
        super().delete_device()
        FOLDER.leave(self.get_name())

    def report_more(self) -> None:
        """Copy what the class publishes, and show it."""
        super().report_more()
        node = self.node
        if node is None:
            return
        state = node.state
        publish, lock = node.published()
        with lock or contextlib.nullcontext():
            self._shown = published(publish, self._omissions)
            self._plots = plots(publish, self._omissions)
        if node is not self._shown_by:
            self._shown_by, self._known = node, {}
        self._know({name: each.definition for name, each in self._shown.items()})
        is_whole = self._attributes.follow(self._known)
        self._attributes.push()
        self._shown_scan = state.scan if is_whole and state.phase is not Phase.RUNNING else NO_SCAN

    def _know(self, shown: dict[str, Definition]) -> None:
        """Take note of what is shown, and keep what was before, the latest of it, for clients that have it in view."""
        names = {name.lower() for name in shown}
        before = [item for item in self._known.items() if item[0].lower() not in names]
        excess = max(0, len(before) + len(shown) - MAX_PUBLISHED)
        self._known = dict(before[excess:]) | shown

    def _read_published(self, definition: Definition) -> Any:
        shown = self._shown.get(definition.name)
        return shown.value if shown is not None and shown.definition == definition else None

    @reading(dtype=[str], max_dim_x=MAX_PUBLISHED, label="Published", doc="The attributes that the class publishes.")
    def published(self) -> list[str]:
        there = self._attributes.names
        return [name for name in self._shown if name in there]

    @reading(
        dtype=str,
        label="Published scan",
        doc="The id of the scan that is over and of which all that is published is shown; empty during a scan.",
    )
    def publishedScan(self) -> str:
        return "" if self._shown_scan == NO_SCAN else str(UUID(bytes=self._shown_scan))

    @reading(
        dtype=[str],
        max_dim_x=MAX_PUBLISHED,
        label="Plots",
        doc="What is drawn over what, from NXdata groups: the attribute of a signal and those of its axes, or a dot.",
    )
    def plots(self) -> list[str]:
        return self._plots

    @command
    def Reload(self) -> None:
        """Load the class anew, between scans; the parameters that it describes appear on the controller."""
        if self.node is not None and self.is_in_scan:
            refuse("OPERATION_NOT_ALLOWED", "a scan is running: wait for its end", f"{type(self).__name__}::Reload")
        self.start_node()


def time_shares(time: TimeShares) -> list[float]:
    """Return what the time of a node went to, in %: waiting, joining, processing, sending."""
    return [100 * share for share in (time.waiting, time.joining, time.processing, time.sending)]
