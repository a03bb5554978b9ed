"""The reducer device: runs the user's Reducer class, and shows what it publishes."""

from __future__ import annotations

from tango import DevState
from tango.server import device_property

from dranspose.dataplane.reducer import Reducer
from dranspose_tango.analysis_device import AnalysisDevice
from dranspose_tango.node_device import Condition
from dranspose_tango.node_thread import control_endpoint


class DransposeReducer(AnalysisDevice):
    """Gives what the workers return to the user's Reducer class, and shows what that publishes."""

    BindInterface = device_property(
        dtype=str, default_value="127.0.0.1", doc="Address of the network interface on which workers connect."
    )
    HttpInterface = device_property(
        dtype=str, default_value="127.0.0.1", doc="Address of the network interface that HTTP is served on."
    )
    HttpPort = device_property(
        dtype=int, default_value=0, doc="Where to serve results over HTTP, for h5pyd and silx; 0: not at all."
    )

    def make_node(self) -> Reducer:
        """Return the reducer; raises AnalysisError, UserCodeError, OSError."""
        endpoint = control_endpoint(self.Controller)
        return Reducer(
            self.get_name(),
            endpoint,
            self.load_analysis(),
            {},
            bind=f"tcp://{self.BindInterface}:*",
            http_host=self.HttpInterface,
            http_port=self.HttpPort or None,
        )

    def node_condition(self, node: Reducer) -> Condition:
        """Return the state that follows from the node's latest snapshot."""
        return DevState.STANDBY, "ready for a scan"
