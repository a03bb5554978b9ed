"""The ingester device: takes in the streams of detectors."""

from __future__ import annotations

from contextlib import nullcontext

from tango import AttrWriteType
from tango.server import command, device_property

from dranspose.data.message import MalformedFrameError
from dranspose.dataplane.ingester import KEEP_BYTES, Ingester
from dranspose.dataplane.statistics import IngesterStatistics
from dranspose.debug import header_text
from dranspose.protocol import StreamName
from dranspose.sources.catalogue import BUILT_IN, make_sources
from dranspose.sources.sardana import SardanaSource
from dranspose.sources.source import SourceError
from dranspose_tango.analysis_folder import FOLDER
from dranspose_tango.controlled_device import ControlledDevice, counted
from dranspose_tango.node_device import reading, refuse
from dranspose_tango.sources.attribute import ReadAlongSource
from dranspose_tango.text import latin

SOURCES = {**BUILT_IN, "tango": "dranspose_tango.sources.attribute:ChangeEventSource"}
"""What `Source` may name."""

MOST_STREAMS = 2**10


class DransposeIngester(ControlledDevice):
    """Takes in the streams of one or more detectors, keeps their frames, and forwards them to workers."""

    Source = device_property(
        dtype=str,
        default_value="stins",
        doc=f"What the detectors speak: {', '.join(SOURCES)}, or package.module:Class of another source.",
    )
    Streams = device_property(dtype=[str], mandatory=True, doc="The names of the streams, as in trigger maps.")
    Urls = device_property(
        dtype=[str],
        default_value=[],
        doc="Where to connect to, such as tcp://detector:9999: one for each stream, or any number as stream=url; none "
        "for Sardana records that come by PushRecord.",
    )
    SourcePath = device_property(
        dtype=str, default_value="", doc="The folder in which package.module:Class of another source is looked for."
    )
    ReadAlong = device_property(
        dtype=[str],
        default_value=[],
        doc="Tango attributes that are streams of their own, as stream=DOMAIN/FAMILY/MEMBER/ATTRIBUTE: each is read "
        "whenever a frame of the first of Streams has come for an event in which it has one too.",
    )
    BindInterface = device_property(
        dtype=str, default_value="127.0.0.1", doc="Address of the network interface on which workers connect."
    )
    KeepBytes = device_property(
        dtype="int64",
        default_value=KEEP_BYTES,
        doc="So many bytes of frames are kept; then detectors have to wait. More helps one that cannot, in bursts.",
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
        with FOLDER.loading(self.SourcePath, self.get_name()) if self.SourcePath else nullcontext():
            sources = make_sources(self.Source, self.Streams, self.Urls, SOURCES)
        self._sardana = [source for source in sources if isinstance(source, SardanaSource)]
        sources += self._read_along()
        control = self.find_controller()
        return Ingester(
            self.get_name(),
            control.endpoint,
            sources,
            bind=f"tcp://{self.BindInterface}:*",
            keep_bytes=self.KeepBytes,
            capture=self.CapturePath,
            on_change=self.wake,
            keys=self.keys(),
            liveness=control.liveness,
        )

    def _read_along(self) -> list[ReadAlongSource]:
        named = [entry.partition("=") for entry in self.ReadAlong]
        first = StreamName(self.Streams[0])
        try:
            return [ReadAlongSource(StreamName(stream), attribute, first) for stream, _, attribute in named]
        except ValueError as error:
            raise SourceError(f"ReadAlong: {error}") from None

    def delete_device(self) -> None:
        """End the node, and leave the folder of its source to others."""
        super().delete_device()
        FOLDER.leave(self.get_name())

    @property
    def statistics(self) -> IngesterStatistics:
        """The latest statistics of the node; while there is none, those of one that has done nothing."""
        return IngesterStatistics() if self.node is None else self.node.statistics

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

    def waits_for(self, statistics: IngesterStatistics) -> str:
        """Return at which URLs nobody answers."""
        return f"nobody answers at {', '.join(statistics.unanswered)}" if statistics.unanswered else ""

    @reading(dtype="uint64", label="Frames received", doc="How many packets came from the detectors in this scan.")
    def framesReceived(self) -> int:
        return self.statistics.counts.packets

    @reading(
        dtype="uint64",
        label="Frames missing",
        max_warning=1,
        doc="How many frames of this scan were lost before they came here.",
    )
    def framesMissing(self) -> int:
        return self.statistics.counts.missing

    @reading(dtype="uint64", label="Frames duplicate", doc="How many frames of this scan came more than once.")
    def framesDuplicate(self) -> int:
        return sum(one.duplicate for one in self.statistics.streams.values())

    @reading(dtype="uint64", label="Frames discarded", doc="How many frames the trigger map has nobody for.")
    def framesDiscarded(self) -> int:
        return sum(one.discarded for one in self.statistics.streams.values())

    @reading(dtype="uint64", label="Frames forwarded", doc="How many frames were sent to workers, again ones too.")
    def framesForwarded(self) -> int:
        return self.statistics.counts.forwarded

    @reading(dtype=float, label="Frame rate", unit="1/s", format="%8.1f", doc="How many frames come in per second.")
    def frameRate(self) -> float:
        return self.statistics.packet_rate

    @reading(dtype=float, label="Data rate", unit="MB/s", format="%8.1f", doc="How much data comes in.")
    def dataRate(self) -> float:
        return self.statistics.byte_rate / 1e6

    @reading(
        dtype=[str],
        max_dim_x=MOST_STREAMS,
        label="Last headers",
        doc="Of each stream the first part of its latest packet as text, if that is short.",
    )
    def lastHeaders(self) -> list[str]:
        latest = {} if self.node is None else dict(self.node.latest)
        return [latin(f"{stream}: {header_text(data)}") for stream, data in latest.items()]

    @reading(
        dtype="uint64",
        label="Kept bytes",
        unit="B",
        doc="Size of the frames of events that are not complete.",
    )
    def keptBytes(self) -> int:
        return self.statistics.kept_bytes

    @reading(dtype="uint64", label="Lag", doc="How many events from the lowest not complete to the latest.")
    def lag(self) -> int:
        return self.statistics.lag

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
        return self.statistics.recording.path

    @reading(dtype="uint64", label="Recorded events", doc="How many events of this scan are in the capture.")
    def recordedEvents(self) -> int:
        return self.statistics.recording.events

    @reading(dtype=str, label="Recording", doc="How the recording stands, and why something could not be written.")
    def recording(self) -> str:
        status = self.statistics.recording
        return latin(f"{status.state.value}: {status.error}" if status.error else status.state.value)

    @command(doc_in="A record of Sardana's, in JSON: of type DataDescription, RecordData or RecordEnd.")
    def PushRecord(self, record: str) -> None:
        """Take in a record, where Source is sardana, while a scan takes the stream."""
        origin = "DransposeIngester::PushRecord"
        if self.node is None or len(self._sardana) != 1:
            refuse(
                "OPERATION_NOT_ALLOWED",
                "this device takes no records: its Source is not sardana, with one stream",
                origin,
            )
        try:
            self._sardana[0].push(record.encode())
        except SourceError as error:
            refuse("OPERATION_NOT_ALLOWED", str(error), origin)
        except MalformedFrameError as error:
            refuse("INVALID_ARGUMENT", str(error), origin)
