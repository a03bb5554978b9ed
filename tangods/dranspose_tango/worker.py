"""The worker device: runs the user's Worker class."""

from __future__ import annotations

from tango import DevState
from tango.server import device_property

from dranspose.dataplane.worker import Worker
from dranspose.protocol import GENERIC_TAG
from dranspose_tango.analysis_device import AnalysisDevice
from dranspose_tango.node_device import Condition
from dranspose_tango.node_thread import control_endpoint


class DransposeWorker(AnalysisDevice):
    """Gives the events that the controller chooses for it to the user's Worker class."""

    Tags = device_property(
        dtype=[str], default_value=[GENERIC_TAG], doc="It can be the virtual workers with none but these tags."
    )

    def make_node(self) -> Worker:
        """Return the worker; raises AnalysisError, UserCodeError."""
        endpoint = control_endpoint(self.Controller)
        return Worker(self.get_name(), endpoint, self.load_analysis(), self.Tags)

    def node_condition(self, node: Worker) -> Condition:
        """Return the state that follows from the node's latest snapshot."""
        return DevState.STANDBY, "ready for a scan"
