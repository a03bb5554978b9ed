"""The ingester node: takes in what detectors send, and forwards it to workers as the scheduler says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import zmq

from dranspose.dataplane.forwarding import Forwarding
from dranspose.dataplane.keys import Keys
from dranspose.dataplane.marking import Marking
from dranspose.dataplane.messages import (
    Arm,
    Done,
    IngesterHello,
    Message,
    MessageError,
    Parameters,
    TickInterval,
    WorkerGone,
    WorkerHello,
    decode,
)
from dranspose.dataplane.node import READ_AT_ONCE, STATISTICS_INTERVAL, Node
from dranspose.dataplane.recorder import BACKLOG_BYTES, Recorder
from dranspose.dataplane.recording import Recording, capture_of, write_poisoned
from dranspose.dataplane.sockets import LIVENESS, bind_locally, bound, endpoint
from dranspose.dataplane.statistics import IngesterCounts, IngesterStatistics, Meter, RecordingStatus
from dranspose.dataplane.wire import Shares, encode_shares
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.multipart import arrived, send
from dranspose.protocol import EventNumber, StreamName
from dranspose.scheduling.instructions import EndAt, Fence, Hold, Instruction, Poison, UseParameters
from dranspose.scheduling.stimuli import Held, Missing
from dranspose.sources.matching import FrameMatcher, MatchCounts, Matched
from dranspose.sources.packet import Skipped
from dranspose.sources.source import Readable, Source, SourceError
from dranspose.sources.triggered import SoftwareTrigger, software_triggers
from dranspose.triggermap import Tags, TriggerMap, TriggerMapError

logger = logging.getLogger(__name__)

KEEP_BYTES = 512 * 10**6
"""To read further ahead gains nothing but time for a detector that cannot wait, and costs fresh memory and caches."""

READ_WHEN_FULL = 16
READ_AT_THE_END = 100  # times that the sources are read before a scan that is stopped goes without what has not come


@dataclass(slots=True)
class _Scan:
    id: bytes
    forwarding: Forwarding
    matchers: dict[StreamName, FrameMatcher]
    sources: list[Source]
    triggers: Mapping[StreamName, Sequence[SoftwareTrigger]]
    recording: Recording | None
    marking: Marking = field(default_factory=Marking)


class Ingester(Node):
    """An ingester; `run` is its loop, and all but `stop` belongs into its thread.

    Args:
        name: of the ingester.
        controller_url: where the controller is.
        sources: where its frames come from; no two of them have a stream in common.
        bind: where workers connect to.
        folder: where captures of events that killed their workers are written to.
        keep_bytes: so much is kept, and little more; then sources are read only if the lowest event waits for them.
        capture: where scans are recorded: a file ``NAME.cbors`` for all of them, or else the prefix of a file for each;
            nowhere if it is empty.
        backlog_bytes: so much of the recording may wait for the disk, and little more; then no source is read.
        on_change, keys, liveness: as of `Node`.

    Attributes:
        capture: may be changed at any time, for the scans that begin after that.
        urls: where workers connect to, the second one on the same machine.
        counts: what it has done in the scan in hand, or the last one.
        latest: the data of the latest packet of each stream.
    """

    def __init__(
        self,
        name: str,
        controller_url: str,
        sources: Sequence[Source],
        bind: str = "tcp://127.0.0.1:*",
        folder: Path = Path(),
        keep_bytes: int = KEEP_BYTES,
        capture: str = "",
        backlog_bytes: int = BACKLOG_BYTES,
        on_change: Callable[[], None] | None = None,
        keys: Keys | None = None,
        liveness: float = LIVENESS,
    ) -> None:
        super().__init__(name, controller_url, on_change, keys, liveness)
        self.counts = IngesterCounts()
        self._sources = list(sources)
        self._folder = folder
        self._keep_bytes = keep_bytes
        with self._letting_go_on_error():
            self._router = bound(self._zmq, bind, liveness)
        self.capture = capture
        self._recorder = Recorder(self._wakeup.wake, backlog_bytes)
        self._poller.register(self._router, zmq.POLLIN)
        self.urls = endpoint(self._router), bind_locally(self._router)
        self._polled: dict[zmq.Socket[bytes] | int, tuple[Source, Readable]] = {}
        self._workers: dict[str, Tags] = {}
        self._values: Mapping[str, bytes] = {}  # of the latest parameters
        self._versions: dict[int, Mapping[str, bytes]] = {}  # of those that events of the scan in hand may have
        self._scan: _Scan | None = None
        self._matched: dict[str, MatchCounts] = {}
        self.latest: dict[StreamName, StreamData] = {}
        self._meter = Meter(time.monotonic())
        streams = tuple(stream for source in sources for stream in source.streams)
        self._join(IngesterHello(name, self.urls, streams))

    @property
    def recording(self) -> RecordingStatus:
        """How the recording of the scan in hand stands, or that of the last one; for any thread."""
        return self._recorder.status

    def _turn(self) -> None:
        self._watch_sources()
        readable = self._wait(STATISTICS_INTERVAL)
        if self._wakeup.fileno() in readable:
            self._wakeup.clear()
        if self._controller in readable:
            self._listen()
        if self._router in readable:
            self._hear_workers()
        self._take_in(readable, self._at_once)
        self._forward()

    def _measure(self, now: float) -> IngesterStatistics:
        scan = self._scan
        if scan is not None:
            self._count(scan)
        counts = replace(self.counts)
        rates = self._meter.rates(now, counts.packets, counts.bytes, counts.forwarded, counts.forwarded_bytes)
        kept, lag = (0, 0) if scan is None else (scan.forwarding.kept_bytes, scan.forwarding.lag)
        unanswered = tuple(sorted(url for source in scan.sources for url in source.unanswered)) if scan else ()
        return IngesterStatistics(
            self._latest_scan, counts, self._matched, kept, lag, self.recording, unanswered, *rates
        )

    def _count(self, scan: _Scan) -> None:
        self.counts.bytes = scan.forwarding.taken_bytes
        self._matched = {stream: matcher.counts for stream, matcher in scan.matchers.items()}

    def _forget(self) -> None:
        self._values = {}
        self._versions = {}
        self._workers = {}

    def _close(self) -> None:
        self._end()
        self._recorder.close()

    # The controller

    def _begin(self, scan: bytes, arm: Arm) -> str:
        self._versions = {version: values for version, values in self._versions.items() if version >= arm.version}
        if self.capture and arm.version not in self._versions:
            return f"{self.name} has not got version {arm.version} of the parameters, and cannot record them"
        opened = []
        try:
            trigger_map = TriggerMap.from_message(arm.trigger_map)
            sources = [source for source in self._sources if not set(trigger_map.streams).isdisjoint(source.streams)]
            triggers = software_triggers(trigger_map, sources)
            for source in sources:
                source.open(self._zmq)
                opened.append(source)
        except (TriggerMapError, SourceError) as error:
            for source in opened:
                source.close()
            return str(error)
        matchers = {
            stream: FrameMatcher(
                trigger_map, stream, connections=source.connections, several_series=source.several_series
            )
            for source in sources
            for stream in source.streams
            if stream in trigger_map.streams
        }
        forwarding = Forwarding(trigger_map, matchers, arm.version)
        for worker, tags in self._workers.items():
            forwarding.meet(worker, tags)
        recording = None
        if self.capture:
            path = capture_of(self.capture, self.name, scan)
            recording = Recording(self._recorder, path, scan, trigger_map, matchers, self._versions[arm.version])
        else:
            self._recorder.begin(None)
        self._scan = _Scan(scan, forwarding, matchers, sources, triggers, recording)
        self.counts = IngesterCounts()
        self._meter = Meter(time.monotonic())
        return ""

    def _end(self) -> None:
        scan, self._scan = self._scan, None
        if scan is not None:
            self._count(scan)
        self._watch_sources()
        for source in scan.sources if scan else ():
            source.close()
        if scan is not None and scan.recording:
            scan.recording.end()

    def _obey(self, message: Message) -> None:
        match message:
            case Parameters(version, changed):
                self._values = {**self._values, **{name: data for name, (_, data) in changed.items()}}
                self._versions[version] = self._values
            case WorkerGone(worker):
                self._workers.pop(worker, None)
            case TickInterval(seconds) if self._scan is not None:
                self._scan.marking.interval = seconds
            case _ if self._scan is not None:
                self._carry_out(self._scan, message)

    def _carry_out(self, scan: _Scan, instruction: Instruction) -> None:
        scan.forwarding.handle(instruction)
        match instruction:
            case Hold(hold):
                self._send(Held(self.identity, hold, scan.forwarding.next_event), scan.id)
            case UseParameters(version, event) if scan.recording:
                scan.recording.use_parameters(event, self._versions[version])
            case EndAt(event):
                self._read_what_has_come(scan, event)
                if scan.recording:
                    scan.recording.end_at(event)
                for stream, matcher in scan.matchers.items():
                    self._take(scan, stream, matcher.stop(event))
            case Poison(event):
                self._capture(scan, event)
            case Fence(worker):
                scan.marking.lose(worker, scan.forwarding.is_released)

    def _capture(self, scan: _Scan, event: int) -> None:
        frames = scan.forwarding.frames(event)
        if not frames:
            return
        path = self._folder / f"{self.name.replace('/', '_')}-{scan.id.hex()}-poisoned.cbors"
        message = InternalWorkerMessage(EventNumber(event), frames, datetime.now(UTC))
        self._recorder.do(partial(write_poisoned, path, message))
        self.counts.poisoned += 1

    # The sources

    def _watch_sources(self) -> None:
        """Poll the sources of the scan in hand: while too much is kept only those that events wait for.

        While too much waits for the disk, none.
        """
        polled: dict[zmq.Socket[bytes] | int, tuple[Source, Readable]] = {}
        if self._scan is not None and not self._recorder.is_full:
            sources = self._scan.sources
            if self._is_full(self._scan):
                wanted = set(self._wanted(self._scan))
                sources = [source for source in sources if not wanted.isdisjoint(source.streams)]
            for source in sources:
                for readable in source.sockets:
                    key = readable if isinstance(readable, zmq.Socket) else readable.fileno()
                    polled[key] = source, readable
        for key in self._polled.keys() - polled.keys():
            self._poller.unregister(key)
        for key in polled.keys() - self._polled.keys():
            self._poller.register(key, zmq.POLLIN)
        self._polled = polled

    def _read_what_has_come(self, scan: _Scan, cut: int) -> None:
        """Read the frames of events before the cut that wait in the sources: they are not missing."""
        for _ in range(READ_AT_THE_END):
            readable = [ready for ready, _ in self._poller.poll(0) if ready in self._polled]
            if not readable or not any(matcher.awaits(cut) for matcher in scan.matchers.values()):
                return
            self._take_in(readable, READ_AT_ONCE)

    def _is_full(self, scan: _Scan) -> bool:
        return scan.forwarding.kept_bytes >= self._keep_bytes or self._is_held_full(scan)

    def _is_held_full(self, scan: _Scan) -> bool:
        return scan.recording is not None and scan.recording.held_bytes >= self._keep_bytes

    def _wanted(self, scan: _Scan) -> Collection[StreamName]:
        """Return the streams to read while too much is kept."""
        if scan.recording and self._is_held_full(scan) and (awaited := scan.recording.awaited()):
            return awaited
        return scan.forwarding.most_wanted()

    def _take_in(self, readable: Iterable[object], packets: int) -> None:
        """Read the sources that are readable, each up to so many packets."""
        scan = self._scan
        if scan is None:
            return
        counts, matchers, latest = self.counts, scan.matchers, self.latest
        limit = min(packets, READ_WHEN_FULL) if self._is_full(scan) else packets
        for source, socket in [self._polled[key] for key in readable if key in self._polled]:
            for packet in source.read(socket, limit):
                if isinstance(packet, Skipped):
                    counts.skipped += 1
                    continue
                counts.packets += 1
                latest[packet.stream] = packet.data
                if matcher := matchers.get(packet.stream):
                    self._take(scan, packet.stream, matcher.take(packet))
                else:
                    counts.unwanted += 1

    def _take(self, scan: _Scan, stream: StreamName, matched: Matched) -> None:
        if scan.recording:
            scan.recording.take(stream, matched)
        for event, data in matched.frames:
            scan.forwarding.take(stream, event, data)
        for trigger in scan.triggers.get(stream, ()):
            trigger.fire([event for event, _ in matched.frames])
        if matched.missing and (missing := scan.forwarding.lose(stream, tuple(matched.missing))):
            self.counts.missing += sum(last - first + 1 for first, last in missing)
            self._send(Missing(stream, missing), scan.id)

    # The workers

    def _hear_workers(self) -> None:
        """Take in all that workers have said."""
        for sender, *parts in arrived(self._router):
            try:
                worker = sender.bytes.decode()
                scan, message = decode(b"".join(part.bytes for part in parts))
            except (MessageError, UnicodeDecodeError) as error:
                logger.warning("%s left out what %r sent: %s", self.identity, sender.bytes, error)
                continue
            match message:
                case WorkerHello(tags=tags):
                    self._workers[worker] = frozenset(tags)
                    if self._scan is not None:
                        self._scan.forwarding.meet(worker, self._workers[worker])
                case Done(events) if self._scan is not None and self._scan.id == scan:
                    self._scan.forwarding.done(worker, events)

    def _forward(self) -> None:
        """Send what is due; to a worker that is gone nothing: the controller will tell."""
        scan = self._scan
        if scan is None:
            return
        for worker, stream, version, shares in scan.forwarding.due():
            ticks = scan.marking.marks(worker, shares, partial(scan.forwarding.leads, worker, stream))
            parts = encode_shares(Shares(scan.id, stream, version, shares, ticks))
            try:
                send(self._router, [worker.encode(), *parts])
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                self.counts.undeliverable += len(shares)
            else:
                self.counts.messages += 1
                self.counts.forwarded += len(shares)
                self.counts.forwarded_bytes += sum(map(len, parts))
        if scan.recording:
            scan.recording.forwarded(scan.forwarding.next_event)
