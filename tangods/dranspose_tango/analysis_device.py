"""What the worker and the reducer device have in common: they load a user's class, and can load it anew."""

from __future__ import annotations

from typing import Any

from tango.server import command, device_property

from dranspose.analysis import load_class
from dranspose.dataplane.node import Phase
from dranspose.dataplane.statistics import ReducerStatistics, WorkerStatistics
from dranspose_tango.analysis_folder import FOLDER
from dranspose_tango.controlled_device import ControlledDevice
from dranspose_tango.node_device import refuse


class AnalysisDevice(ControlledDevice):
    """A device that runs a user's class."""

    AnalysisClass = device_property(
        dtype=str, mandatory=True, doc="The class, as package.module:Class, such as src.worker:TestWorker."
    )
    AnalysisPath = device_property(
        dtype=str,
        default_value=".",
        doc="The folder in which the class is looked for, and which it works in: one for all devices of a server.",
    )

    def load_analysis(self) -> type[Any]:
        """Return the user's class; raises AnalysisError, UserCodeError."""
        FOLDER.enter(self.AnalysisPath, self.get_name())
        return load_class(self.AnalysisClass)

    def delete_device(self) -> None:
        """End the node, and leave the folder to others."""
        super().delete_device()
        FOLDER.leave(self.get_name())

    @command
    def Reload(self) -> None:
        """Load the class anew, between scans; the parameters that it describes appear on the controller."""
        if self.node is not None and self.node.state.phase is Phase.RUNNING:
            refuse("OPERATION_NOT_ALLOWED", "a scan is running: wait for its end", f"{type(self).__name__}::Reload")
        self.start_node()


def time_shares(statistics: WorkerStatistics | ReducerStatistics | None) -> list[float]:
    """Return what the time of a node went to, in %: waiting, joining, processing, sending."""
    if statistics is None:
        return [100.0, 0.0, 0.0, 0.0]
    time = statistics.time
    return [100 * share for share in (time.waiting, time.joining, time.processing, time.sending)]
