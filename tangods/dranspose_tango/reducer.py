"""The reducer device: runs the user's Reducer class, and shows what it publishes."""

from __future__ import annotations

import contextlib
from typing import Any

from tango import DevState
from tango.server import device_property

from dranspose.dataplane.reducer import Reducer
from dranspose.publish.tree import Omissions
from dranspose_tango.analysis_device import AnalysisDevice
from dranspose_tango.attributes import DynamicAttributes, Published, published
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

    def init_device(self) -> None:
        """Start the node, with nothing published."""
        self._omissions = Omissions()
        self._shown: dict[str, Published] = {}
        self._attributes = DynamicAttributes(self, self._read_published)
        super().init_device()

    def make_node(self) -> Reducer:
        """Return the reducer; raises AnalysisError, UserCodeError, OSError."""
        endpoint = control_endpoint(self.Controller)
        return Reducer(
            self.get_name(),
            endpoint,
            self.load_analysis(),
            bind=f"tcp://{self.BindInterface}:*",
            http_host=self.HttpInterface,
            http_port=self.HttpPort or None,
        )

    def node_condition(self, node: Reducer) -> Condition:
        """Return the state that follows from the node's latest snapshot."""
        return DevState.STANDBY, "ready for a scan"

    # What is published

    def report_more(self) -> None:
        """Copy what is published, and show it."""
        if self.node is None:
            return
        publish, lock = self.node.published()
        with lock or contextlib.nullcontext():
            self._shown = published(publish, self._omissions)
        self._attributes.follow({name: shown.definition for name, shown in self._shown.items()})
        self._attributes.push()

    def _read_published(self, attribute: str) -> Any:
        return self._shown[attribute].value
