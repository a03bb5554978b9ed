"""The ingester node: takes in what detectors send, and forwards it to workers as the scheduler says."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zmq

from dranspose.capture import CaptureWriter
from dranspose.dataplane.forwarding import Forwarding
from dranspose.dataplane.messages import (
    NO_SCAN,
    Arm,
    Disarm,
    Done,
    IngesterHello,
    Message,
    MessageError,
    Ping,
    Ready,
    WorkerHello,
    decode,
    encode,
)
from dranspose.dataplane.sockets import arrived, bound, connected, endpoint, new_identity
from dranspose.dataplane.wakeup import Wakeup
from dranspose.dataplane.wire import Shares, encode_shares
from dranspose.event import InternalWorkerMessage
from dranspose.protocol import EventNumber, StreamName
from dranspose.scheduling.instructions import EndAt, Fence, Hold, Poison
from dranspose.scheduling.stimuli import Held, Missing
from dranspose.sources.matching import FrameMatcher, Matched
from dranspose.sources.packet import Skipped
from dranspose.sources.source import Readable, Source, SourceError
from dranspose.triggermap import Tags, TriggerMap, TriggerMapError

logger = logging.getLogger(__name__)

SILENCE = 10.0  # seconds without a sign of the controller, after which a scan is given up
KEEP_BYTES = 2 * 10**9
READ_AT_ONCE = 1000  # packets
READ_WHEN_FULL = 16


@dataclass(slots=True)
class IngesterCounts:
    """What an ingester has done since it began.

    Attributes:
        packets: how many came from the sources; what became of them the `FrameMatcher` of each stream tells.
        skipped: how many messages of the sources were no packets.
        unwanted: how many packets were of streams that the trigger map does not have.
        missing: how many events were reported to the scheduler as without a frame of a stream.
        forwarded: how many shares were sent to workers, lost frames among them.
        messages: in how many messages.
        undeliverable: how many shares were for workers that were gone.
        poisoned: how many events were written to a capture.
    """

    packets: int = 0
    skipped: int = 0
    unwanted: int = 0
    missing: int = 0
    forwarded: int = 0
    messages: int = 0
    undeliverable: int = 0
    poisoned: int = 0


@dataclass(slots=True)
class _Scan:
    id: bytes
    forwarding: Forwarding
    matchers: dict[StreamName, FrameMatcher]
    sources: list[Source]


class Ingester:
    """An ingester; `run` is its loop, and all but `stop` belongs into its thread.

    Args:
        name: of the ingester.
        controller_url: where the controller is.
        sources: where its frames come from; no two of them have a stream in common.
        bind: where workers connect to.
        folder: where captures of events that killed their workers are written to.
        keep_bytes: so much is kept, and little more; then sources are read only if the lowest event waits for them.

    Attributes:
        identity: how the others know this incarnation of the ingester.
        url: where workers connect to.
        counts: what it has done.
    """

    def __init__(
        self,
        name: str,
        controller_url: str,
        sources: Sequence[Source],
        bind: str = "tcp://127.0.0.1:*",
        folder: Path = Path(),
        keep_bytes: int = KEEP_BYTES,
    ) -> None:
        self.name = name
        self.identity = new_identity(name)
        self.counts = IngesterCounts()
        self._sources = list(sources)
        self._folder = folder
        self._keep_bytes = keep_bytes
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._controller = connected(self._zmq, controller_url, self.identity)
        self._router = bound(self._zmq, bind)
        self.url = endpoint(self._router)
        self._wakeup = Wakeup()
        self._poller = zmq.Poller()
        for readable in (self._controller, self._router, self._wakeup):
            self._poller.register(readable, zmq.POLLIN)
        self._polled: dict[zmq.Socket[bytes] | int, tuple[Source, Readable]] = {}
        self._running = True
        self._heard = time.monotonic()
        self._workers: dict[str, Tags] = {}
        self._scan: _Scan | None = None
        streams = tuple(stream for source in sources for stream in source.streams)
        self._send(IngesterHello(name, self.url, streams), NO_SCAN)

    def run(self) -> None:
        """Work until `stop` is called; then let go of the sources and sockets."""
        try:
            while self._running:
                self._watch_sources()
                readable = {ready for ready, _ in self._poller.poll(int(1000 * SILENCE / 10))}
                if self._wakeup.fileno() in readable:
                    self._wakeup.clear()
                if self._controller in readable:
                    self._listen()
                if self._router in readable:
                    self._hear_workers()
                self._take_in(readable)
                self._forward()
                if self._scan is not None and time.monotonic() - self._heard > SILENCE:
                    logger.error("%s gives up its scan: no sign of the controller for %g s", self.identity, SILENCE)
                    self._disarm()
        except Exception:
            logger.exception("%s ends: this is a bug in dranspose", self.identity)
        finally:
            self._disarm()
            self._zmq.destroy(linger=0)
            self._wakeup.close()

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._running = False
        self._wakeup.wake()

    # The controller

    def _send(self, message: Message, scan: bytes) -> None:
        self._controller.send(encode(message, scan))

    def _listen(self) -> None:
        """Do all that the controller has said."""
        for parts in arrived(self._controller):
            self._heard = time.monotonic()
            try:
                scan, message = decode(b"".join(parts))
            except MessageError as error:
                logger.warning("%s left out what the controller sent: %s", self.identity, error)
                continue
            match message:
                case Ping():
                    pass
                case Arm():
                    self._arm(scan, message)
                case _ if self._scan is None or self._scan.id != scan:
                    logger.debug("%s was sent a %s of another scan", self.identity, type(message).__name__)
                case Disarm():
                    self._disarm()
                case _:
                    self._obey(self._scan, message)

    def _arm(self, scan: bytes, arm: Arm) -> None:
        self._disarm()
        opened = []
        try:
            trigger_map = TriggerMap.from_message(arm.trigger_map)
            sources = [source for source in self._sources if not set(trigger_map.streams).isdisjoint(source.streams)]
            for source in sources:
                source.open(self._zmq)
                opened.append(source)
        except (TriggerMapError, SourceError) as error:
            for source in opened:
                source.close()
            self._send(Ready(str(error)), scan)
            return
        matchers = {
            stream: FrameMatcher(trigger_map, stream, connections=source.connections)
            for source in sources
            for stream in source.streams
            if stream in trigger_map.streams
        }
        forwarding = Forwarding(trigger_map, matchers, arm.version)
        for worker, tags in self._workers.items():
            forwarding.meet(worker, tags)
        self._scan = _Scan(scan, forwarding, matchers, sources)
        self._send(Ready(), scan)

    def _disarm(self) -> None:
        scan, self._scan = self._scan, None
        self._watch_sources()
        for source in scan.sources if scan else ():
            source.close()

    def _obey(self, scan: _Scan, instruction: Message) -> None:
        scan.forwarding.handle(instruction)
        match instruction:
            case Hold(hold):
                self._send(Held(self.identity, hold, scan.forwarding.next_event), scan.id)
            case EndAt():
                for stream, matcher in scan.matchers.items():
                    self._take(scan, stream, matcher.stop())
            case Poison(event):
                self._capture(scan, event)
            case Fence(worker):
                self._workers.pop(worker, None)

    def _capture(self, scan: _Scan, event: int) -> None:
        frames = scan.forwarding.frames(event)
        if not frames:
            return
        path = self._folder / f"{self.name.replace('/', '_')}-{scan.id.hex()}-poisoned.cbors"
        try:
            with CaptureWriter(path) as capture:
                capture.write(InternalWorkerMessage(EventNumber(event), frames, datetime.now(UTC)))
        except OSError as error:
            logger.error("event %d killed its workers, and its frames cannot be written: %s", event, error)
        else:
            self.counts.poisoned += 1
            logger.warning("event %d killed its workers: its frames are in %s", event, path.absolute())

    # The sources

    def _watch_sources(self) -> None:
        """Poll the sources of the scan in hand, or while too much is kept only those that events wait for."""
        polled: dict[zmq.Socket[bytes] | int, tuple[Source, Readable]] = {}
        if self._scan is not None:
            sources = self._scan.sources
            if self._is_full(self._scan):
                wanted = set(self._scan.forwarding.most_wanted())
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

    def _is_full(self, scan: _Scan) -> bool:
        return scan.forwarding.kept_bytes >= self._keep_bytes

    def _take_in(self, readable: Iterable[object]) -> None:
        scan = self._scan
        if scan is None:
            return
        counts, matchers = self.counts, scan.matchers
        limit = READ_WHEN_FULL if self._is_full(scan) else READ_AT_ONCE
        for source, socket in [self._polled[key] for key in readable if key in self._polled]:
            for packet in source.read(socket, limit):
                if isinstance(packet, Skipped):
                    counts.skipped += 1
                    continue
                counts.packets += 1
                if matcher := matchers.get(packet.stream):
                    self._take(scan, packet.stream, matcher.take(packet))
                else:
                    counts.unwanted += 1

    def _take(self, scan: _Scan, stream: StreamName, matched: Matched) -> None:
        for event, data in matched.frames:
            scan.forwarding.take(stream, event, data)
        if matched.missing and (missing := scan.forwarding.lose(stream, tuple(matched.missing))):
            self.counts.missing += sum(last - first + 1 for first, last in missing)
            self._send(Missing(stream, missing), scan.id)

    # The workers

    def _hear_workers(self) -> None:
        """Take in all that workers have said."""
        for sender, *parts in arrived(self._router):
            try:
                worker = sender.decode()
                scan, message = decode(b"".join(parts))
            except (MessageError, UnicodeDecodeError) as error:
                logger.warning("%s left out what %r sent: %s", self.identity, sender, error)
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
            parts = encode_shares(Shares(scan.id, stream, version, shares))
            try:
                self._router.send_multipart([worker.encode(), *parts], zmq.DONTWAIT, copy=False)
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                self.counts.undeliverable += len(shares)
            else:
                self.counts.messages += 1
                self.counts.forwarded += len(shares)
