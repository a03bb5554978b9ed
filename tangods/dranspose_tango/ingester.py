"""The ingester device: takes in the streams of detectors."""

from __future__ import annotations

from pathlib import Path

from tango import DevState
from tango.server import device_property

from dranspose.analysis import load_class
from dranspose.dataplane.ingester import KEEP_BYTES, Ingester
from dranspose.sources.stins import StinsSource
from dranspose_tango.node_device import Condition, NodeDevice
from dranspose_tango.node_thread import control_endpoint
from dranspose_tango.source_property import urls_by_stream

BUILT_IN_SOURCES = {"stins": StinsSource}


class DransposeIngester(NodeDevice):
    """Takes in the streams of one or more detectors, keeps their frames, and forwards them to workers."""

    Controller = device_property(dtype=str, mandatory=True, doc="The controller device.")
    Source = device_property(
        dtype=str,
        default_value="stins",
        doc=f"What the detectors speak: {', '.join(BUILT_IN_SOURCES)}, or package.module:Class of another source.",
    )
    Streams = device_property(dtype=[str], mandatory=True, doc="The names of the streams, as in trigger maps.")
    Urls = device_property(
        dtype=[str],
        mandatory=True,
        doc="Where to connect to, such as tcp://detector:9999: one for each stream, or any number as stream=url.",
    )
    BindInterface = device_property(
        dtype=str, default_value="127.0.0.1", doc="Address of the network interface on which workers connect."
    )
    KeepBytes = device_property(
        dtype="int64", default_value=KEEP_BYTES, doc="So many bytes of frames are kept; then detectors have to wait."
    )
    CapturePath = device_property(
        dtype=str,
        default_value="",
        doc="Where to write what is forwarded: a .cbors file for all scans, or the beginning of one path for each.",
    )

    def make_node(self) -> Ingester:
        """Return the ingester; raises AnalysisError, ValueError."""
        source = BUILT_IN_SOURCES.get(self.Source) or load_class(self.Source)
        sources = [source(stream, urls) for stream, urls in urls_by_stream(self.Streams, self.Urls).items()]
        bind = f"tcp://{self.BindInterface}:*"
        return Ingester(
            self.get_name(), control_endpoint(self.Controller), sources, bind, Path(), keep_bytes=self.KeepBytes
        )

    def node_condition(self, node: Ingester) -> Condition:
        """Return the state that follows from the node's latest snapshot."""
        return DevState.STANDBY, "ready for a scan"
