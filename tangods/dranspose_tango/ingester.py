"""The ingester device: takes in the streams of detectors."""

from __future__ import annotations

from tango import AttrWriteType
from tango.server import device_property

from dranspose.dataplane.ingester import KEEP_BYTES, Ingester
from dranspose.dataplane.statistics import IngesterStatistics
from dranspose.sources.catalogue import BUILT_IN, make_sources
from dranspose_tango.controlled_device import ControlledDevice, counted
from dranspose_tango.node_device import reading, refuse
from dranspose_tango.text import latin


class DransposeIngester(ControlledDevice):
    """Takes in the streams of one or more detectors, keeps their frames, and forwards them to workers."""

    Source = device_property(
        dtype=str,
        default_value="stins",
        doc=f"What the detectors speak: {', '.join(BUILT_IN)}, or package.module:Class of another source.",
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
        doc="What capturePath is at first: where scans are recorded, nowhere if it is empty.",
    )

    def init_device(self) -> None:
        """Start the node; scans are recorded as the property says until somebody says otherwise."""
        super().init_device()
        self.get_device_attr().get_w_attr_by_name("capturePath").set_write_value(self.CapturePath or "")

    def make_node(self) -> Ingester:
        """Return the ingester; raises AnalysisError, SourceError, zmq.ZMQError."""
        sources = make_sources(self.Source, self.Streams, self.Urls)
        return Ingester(
            self.get_name(),
            self.find_controller(),
            sources,
            bind=f"tcp://{self.BindInterface}:*",
            keep_bytes=self.KeepBytes,
            capture=self.CapturePath,
            on_change=self.wake,
            keys=self.keys(),
        )

    def troubles(self, statistics: IngesterStatistics) -> str:
        """Return in words what went wrong in a scan, nothing if nothing did."""
        counts = statistics.counts
        return counted(
            {
                "frames are missing": counts.missing,
                "messages were no frames": counts.skipped,
                "events could not be recorded": statistics.recording.lost,
            }
        )

    @reading(dtype="uint64", label="Frames received", doc="How many packets came from the detectors in this scan.")
    def framesReceived(self) -> int:
        return 0 if self.statistics is None else self.statistics.counts.packets

    @reading(
        dtype="uint64", label="Frames missing", doc="How many frames of this scan were lost before they came here."
    )
    def framesMissing(self) -> int:
        return 0 if self.statistics is None else self.statistics.counts.missing

    @reading(dtype="uint64", label="Frames duplicate", doc="How many frames of this scan came more than once.")
    def framesDuplicate(self) -> int:
        return 0 if self.statistics is None else sum(one.duplicate for one in self.statistics.streams.values())

    @reading(dtype="uint64", label="Frames discarded", doc="How many frames the trigger map has nobody for.")
    def framesDiscarded(self) -> int:
        return 0 if self.statistics is None else sum(one.discarded for one in self.statistics.streams.values())

    @reading(dtype="uint64", label="Frames forwarded", doc="How many frames were sent to workers, again ones too.")
    def framesForwarded(self) -> int:
        return 0 if self.statistics is None else self.statistics.counts.forwarded

    @reading(dtype=float, label="Frame rate", unit="1/s", format="%8.1f", doc="How many frames come in per second.")
    def frameRate(self) -> float:
        return 0.0 if self.statistics is None else self.statistics.packet_rate

    @reading(dtype=float, label="Data rate", unit="MB/s", format="%8.1f", doc="How much data comes in.")
    def dataRate(self) -> float:
        return 0.0 if self.statistics is None else self.statistics.byte_rate / 1e6

    @reading(
        dtype="uint64",
        label="Kept bytes",
        unit="B",
        doc="Size of the frames of events that are not complete.",
    )
    def keptBytes(self) -> int:
        return 0 if self.statistics is None else self.statistics.kept_bytes

    @reading(
        dtype="uint64", label="Lag", unit="events", doc="From the lowest event that is not complete to the latest."
    )
    def lag(self) -> int:
        return 0 if self.statistics is None else self.statistics.lag

    @reading(
        dtype=str,
        access=AttrWriteType.READ_WRITE,
        label="Capture path",
        doc="Where scans from the next one on are recorded: in one file NAME.cbors, or else in files with this prefix; "
        "nowhere if it is empty.",
    )
    def capturePath(self) -> str:
        path: str = self.CapturePath if self.node is None else self.node.capture
        return path

    def write_capturePath(self, path: str) -> None:
        if self.node is None:
            refuse("OPERATION_NOT_ALLOWED", self.condition()[1], "DransposeIngester::capturePath")
        self.node.capture = path
        self.wake()

    @reading(dtype=str, label="Capture file", doc="The capture of this scan, or of the last one.")
    def captureFile(self) -> str:
        return "" if self.statistics is None else self.statistics.recording.path

    @reading(dtype="uint64", label="Recorded events", doc="How many events of this scan are in the capture.")
    def recordedEvents(self) -> int:
        return 0 if self.statistics is None else self.statistics.recording.events

    @reading(dtype=str, label="Recording", doc="How the recording stands, and why something could not be written.")
    def recording(self) -> str:
        if self.statistics is None:
            return ""
        status = self.statistics.recording
        return latin(f"{status.state.value}: {status.error}" if status.error else status.state.value)
