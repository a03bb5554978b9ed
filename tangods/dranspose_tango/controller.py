"""The controller device: arms scans, holds the parameters, and shows how it goes."""

from __future__ import annotations

from tango import DevState
from tango.server import device_property

from dranspose.dataplane.controller import Controller, Phase
from dranspose.parameters import ParameterStore
from dranspose_tango.node_device import Condition, NodeDevice, reading

STATES = {Phase.STANDBY: DevState.STANDBY, Phase.ARMING: DevState.MOVING, Phase.RUNNING: DevState.RUNNING}


class DransposeController(NodeDevice):
    """Deals the events of a scan out to workers, and holds the parameters of the analysis."""

    BindInterface = device_property(
        dtype=str, default_value="127.0.0.1", doc="Address of the network interface on which the nodes connect."
    )
    Port = device_property(dtype=int, default_value=0, doc="TCP port on which the nodes connect; 0: any free one.")
    StateFolder = device_property(
        dtype=str,
        default_value="",
        doc="Folder in which the values of parameters are remembered; by default one of the user's state directory.",
    )
    UploadDirectories = device_property(
        dtype=[str],
        default_value=[],
        doc="Folders on the controller's host below which the paths written to <parameter>File have to be.",
    )
    Detectors = device_property(
        dtype=[str],
        default_value=[],
        doc="Detector devices that the command Live starts, each as stream=device.",
    )

    def make_node(self) -> Controller:
        """Return the controller; raises zmq.ZMQError."""
        return Controller(ParameterStore({}, {}), f"tcp://{self.BindInterface}:{self.Port or '*'}")

    def node_condition(self, node: Controller) -> Condition:
        """Return the state that follows from the latest snapshot."""
        phase = node.status.phase
        return STATES[phase], phase.value

    @reading(dtype=str, label="control endpoint", doc="Where the nodes connect to.")
    def controlEndpoint(self) -> str:
        return "" if self.node is None else self.node.url
