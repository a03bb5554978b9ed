"""What the worker and the reducer device have in common: they load a user's class, and can load it anew."""

from __future__ import annotations

from typing import Any

from tango.server import command, device_property

from dranspose.analysis import load_class
from dranspose_tango.analysis_folder import FOLDER
from dranspose_tango.node_device import NodeDevice


class AnalysisDevice(NodeDevice):
    """A device that runs a user's class."""

    Controller = device_property(dtype=str, mandatory=True, doc="The controller device.")
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
        self.start_node()
