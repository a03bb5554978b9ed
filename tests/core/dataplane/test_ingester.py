"""An ingester between a controller, workers and detectors that the test plays."""

from __future__ import annotations

import itertools
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zmq
from tests.core.dataplane.peers import SCAN, Dealer, Router, Running, context

from dranspose.capture import CaptureReader
from dranspose.dataplane import node
from dranspose.dataplane.forwarding import FRAME_OVERHEAD
from dranspose.dataplane.ingester import Ingester
from dranspose.dataplane.messages import (
    NO_SCAN,
    Arm,
    Disarm,
    Done,
    IngesterHello,
    Ping,
    Ready,
    TickInterval,
    Welcome,
    WorkerGone,
    WorkerHello,
    encode,
)
from dranspose.dataplane.sockets import nearest
from dranspose.dataplane.wire import Share, decode_shares
from dranspose.event import StreamData
from dranspose.middlewares import stream1
from dranspose.middlewares.sardana import parse as parse_record
from dranspose.protocol import StreamName
from dranspose.scheduling.instructions import (
    Bind,
    Broadcast,
    EndAt,
    Fence,
    Hold,
    Poison,
    Release,
    UseParameters,
    Window,
)
from dranspose.scheduling.stimuli import Held, Missing
from dranspose.simulate.sardana import records
from dranspose.sources.hdf5 import Hdf5Source
from dranspose.sources.matching import MatchCounts
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.sardana import SardanaSource
from dranspose.sources.source import Source, SourceError
from dranspose.triggermap import TriggerMap

EIGER, PCAP = StreamName("eiger"), StreamName("pcap")
IMAGES = 6
MAP = TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": IMAGES}})
BOTH = TriggerMap.from_json({"uniform": {"streams": ["eiger", "pcap"], "events": IMAGES}})


def packet(number: int, stream: StreamName = EIGER, size: int = 8) -> Packet:
    """Return the packet for an event of one of the maps."""
    kinds = {0: PacketKind.START, IMAGES + 1: PacketKind.END}
    return Packet(stream, kinds.get(number, PacketKind.FRAME), number, data(number, size))


def data(number: int, size: int = 8) -> StreamData:
    return StreamData("STINS", [b"%d" % number, b"." * size])


def share(event: int, attempt: int = 0, streams: int = 1) -> Share:
    return Share(event, attempt, streams, False, data(event))


addresses = itertools.count()  # a closed socket gives its address free some time later


class FakeSource:
    """A source whose packets the test hands over one by one, each with a message to its socket."""

    def __init__(self, *streams: StreamName, error: str = "") -> None:
        self.streams = streams
        self.connections = 1
        self.several_series = False
        self.unanswered: list[str] = []
        self.sockets: list[zmq.Socket[bytes]] = []
        self.packets: list[Packet | Skipped] = []
        self._error = error
        self._outlet: zmq.Socket[bytes] | None = None

    def open(self, context: zmq.Context[Any]) -> None:
        if self._error:
            raise SourceError(self._error)
        socket, self._outlet = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        url = f"inproc://{next(addresses)}"
        socket.bind(url)
        self._outlet.connect(url)
        self.sockets = [socket]

    def close(self) -> None:
        for socket in (*self.sockets, self._outlet):
            if socket is not None:
                socket.close()
        self.sockets, self._outlet = [], None

    def read(self, readable: Any, limit: int) -> list[Packet | Skipped]:
        read: list[Packet | Skipped] = []
        while len(read) < limit and readable.poll(0):
            read.append(self.packets[int(readable.recv())])
        return read

    def send(self, *packets: Packet | Skipped) -> None:
        assert self._outlet is not None
        for packet in packets:
            self.packets.append(packet)
            self._outlet.send(b"%d" % (len(self.packets) - 1))


class Stage:
    """An ingester that runs, its controller, and its workers."""

    def __init__(self, stack: ExitStack, *sources: Source, **options: Any) -> None:
        self._stack = stack
        self._context = stack.enter_context(context())
        self.controller = Router(self._context)
        stack.callback(lambda: self.controller.socket.close())
        self.ingester = Ingester("area/det/1", self.controller.url, sources, **options)
        self.running = stack.enter_context(Running(self.ingester))
        self.hello = self.controller.hear(IngesterHello, NO_SCAN)
        self.controller.say(Welcome(), NO_SCAN)

    def arm(self, trigger_map: TriggerMap = MAP, version: int = 0) -> str:
        self.controller.say(Arm(trigger_map.to_message(), version))
        return self.controller.hear(Ready).error

    def worker(self, name: str, window: int = 100) -> Worker:
        worker = Worker(self._context, nearest(self.hello.urls), name)
        self._stack.callback(worker.close)
        worker.say(WorkerHello(name, ("generic",), False))
        self.controller.say(Window(name, window))
        return worker

    def say(self, *instructions: Any) -> None:
        for instruction in instructions:
            self.controller.say(instruction)

    def end(self) -> None:
        """End the ingester in good order."""
        self.ingester.stop()
        self.running.thread.join()

    def settle(self) -> int:
        """Return `Held.next_event` when the ingester has done all that it was told before; it goes on forwarding."""
        self.say(Hold(7))
        held = self.controller.hear(Held)
        assert (held.ingester, held.hold) == (self.ingester.identity, 7)
        self.say(UseParameters(0, held.next_event))
        return held.next_event


class Worker(Dealer):
    """A worker, to the ingester under test."""

    def gets(self, shares: int, stream: StreamName = EIGER, version: int = 0) -> list[Share]:
        """Return so many shares."""
        found: list[Share] = []
        while len(found) < shares:
            message = decode_shares(self.receive())
            assert (message.scan, message.stream, message.version) == (SCAN, stream, version)
            found += message.shares
        return found

    def gets_of_all(self, shares: int) -> dict[str, list[Share]]:
        """Return so many shares by their streams."""
        found: dict[str, list[Share]] = {}
        while sum(map(len, found.values())) < shares:
            message = decode_shares(self.receive())
            found.setdefault(message.stream, []).extend(message.shares)
        return found

    def done(self, *events: tuple[int, int, int]) -> None:
        self.socket.send(encode(Done(events), SCAN))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_it_says_hello(stack: ExitStack) -> None:
    stage = Stage(stack, FakeSource(EIGER), FakeSource(PCAP))
    assert stage.hello == IngesterHello("area/det/1", stage.ingester.urls, (EIGER, PCAP))


def test_frames_go_to_workers(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    assert stage.arm() == ""
    ann, bob = stage.worker("ann"), stage.worker("bob")
    stage.say(Broadcast(0, ("ann", "bob")), Bind(0, 2, "ann"), Bind(3, 5, "bob"), Broadcast(7, ("ann", "bob")))
    source.send(*map(packet, range(8)))
    assert ann.gets(5) == [share(event) for event in (0, 1, 2, 3, 7)]
    assert bob.gets(5) == [share(event) for event in (0, 4, 5, 6, 7)]
    assert stage.settle() == 8
    told = stage.controller.hear_statistics(lambda statistics: statistics.counts.forwarded == 10)
    counts = told.counts
    assert (told.scan, counts.packets, counts.missing, counts.undeliverable) == (SCAN, 8, 0, 0)
    assert counts.bytes == sum(sum(map(len, data(event).frames)) for event in range(8))
    assert told.streams == {"eiger": MatchCounts(delivered=8)}
    assert (told.lag, told.kept_bytes > counts.bytes, told.packet_rate > 0) == (8, True, True)
    stage.say(Release(((0, 6),)))
    told = stage.controller.hear_statistics(lambda statistics: statistics.lag < 8)
    assert (told.lag, 0 < told.kept_bytes < counts.bytes + 8 * FRAME_OVERHEAD) == (1, True)
    stage.say(Disarm())
    told = stage.controller.hear_statistics(lambda statistics: statistics.lag == 0)
    assert (told.counts, told.streams, told.kept_bytes) == (counts, {"eiger": MatchCounts(delivered=8)}, 0)


def test_sources_without_zmq_are_read_too(stack: ExitStack, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["entry/data/data"] = np.arange(IMAGES)
    sardana = SardanaSource(PCAP, [])
    stage = Stage(stack, Hdf5Source(EIGER, [str(tmp_path / "run.h5")]), sardana)
    ann = stage.worker("ann")
    for _ in range(2):
        assert stage.arm(BOTH) == ""
        stage.say(Window("ann", 100), Broadcast(0, ("ann",)), Bind(0, IMAGES, "ann"), Broadcast(IMAGES + 1, ("ann",)))
        for record in records(IMAGES):
            sardana.push(json.dumps(record).encode())
        shares = ann.gets_of_all(2 * (IMAGES + 2))
        images = [share.data for share in shares["eiger"][1:-1] if share.data]
        assert [stream1.parse(image).data for image in images] == list(range(IMAGES))
        points = [share.data for share in shares["pcap"][1:-1] if share.data]
        assert [parse_record(point).point_nb for point in points] == list(range(IMAGES))
        stage.say(Disarm())


def test_events_are_marked_as_ticks_as_often_as_the_controller_says(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(TickInterval(1e6), Bind(0, 5, "ann"))
    stage.settle()
    source.send(packet(0))  # goes to nobody
    for event, ticks in ((1, (1,)), (2, ())):
        source.send(packet(event))
        message = decode_shares(ann.receive())
        assert ([share.event for share in message.shares], message.ticks) == ([event], ticks)
    stage.say(Fence("ann"))
    bob = stage.worker("bob")
    stage.say(Bind(0, 5, "bob", 1))
    messages = [decode_shares(bob.receive())]
    while messages[-1].shares[-1].event < 2:
        messages.append(decode_shares(bob.receive()))
    assert [len(message.ticks) for message in messages] == [1] + [0] * (len(messages) - 1)


def test_an_event_is_a_tick_with_its_frame_of_the_stream_that_has_most(stack: ExitStack) -> None:
    source = FakeSource(PCAP)
    stage = Stage(stack, source)
    bound = [{"tags": ["generic"], "constraint": 0}]
    stage.arm(TriggerMap.from_json({"eiger": [bound, bound, None], "pcap": [bound, None, bound]}))
    ann = stage.worker("ann")
    stage.say(TickInterval(0.0), Broadcast(0, ("ann",)), Bind(0, 0, "ann"))
    source.send(packet(0, PCAP), packet(1, PCAP), packet(2, PCAP))
    found: dict[int, int] = {}
    while len(found) < 3:
        message = decode_shares(ann.receive())
        found.update((share.event, share.event in message.ticks) for share in message.shares)
    assert found == {0: False, 1: False, 3: True}


def test_large_frames_arrive_whole(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm()
    ann, bob = stage.worker("ann"), stage.worker("bob")
    large = zmq.Frame(b"x" * 200_000)
    source.send(Packet(EIGER, PacketKind.START, 0, StreamData("STINS", [b"header", large])))
    stage.say(Broadcast(0, ("ann", "bob")))
    for worker in (ann, bob):
        (got,) = worker.gets(1)
        assert got.data is not None
        assert [bytes(frame.buffer) if isinstance(frame, zmq.Frame) else frame for frame in got.data.frames] == [
            b"header", large.bytes,
        ]  # fmt: skip


def test_a_done_event_makes_room(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm(version=4)
    ann = stage.worker("ann", window=2)
    stage.say(Bind(0, 5, "ann"))
    source.send(*map(packet, range(7)))
    assert ann.gets(2, version=4) == [share(1), share(2)]
    ann.done((1, 1, 0))
    assert ann.gets(1, version=4) == [share(3)]
    ann.done((2, 3, 0))
    assert ann.gets(2, version=4) == [share(4), share(5)]


def test_a_worker_that_joins_gets_what_is_kept(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)), Bind(0, 2, "ann"))
    source.send(*map(packet, range(4)))
    assert ann.gets(4) == [share(event) for event in range(4)]
    stage.say(Release(((0, 1),)), Fence("ann"), Bind(0, 2, "bob", 1, ((1, 1),)), Broadcast(0, ("bob",)))
    bob = stage.worker("bob")
    assert bob.gets(3) == [share(0), share(2, attempt=1), share(3, attempt=1)]


def test_missing_frames_are_told(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Bind(0, 5, "ann"))
    source.send(packet(0), packet(1), packet(4), packet(7))
    assert stage.controller.hear(Missing) == Missing(EIGER, ((2, 3), (5, 6)))
    assert sorted(ann.gets(6)) == [
        share(1), Share(2, 0, 1, False, None), Share(3, 0, 1, False, None), share(4),
        Share(5, 0, 1, False, None), Share(6, 0, 1, False, None),
    ]  # fmt: skip
    assert stage.ingester.counts.missing == 4


def test_what_has_not_come_at_the_end_is_missing(stack: ExitStack) -> None:
    eiger, pcap = FakeSource(EIGER), FakeSource(PCAP)
    stage = Stage(stack, eiger, pcap)
    stage.arm(BOTH)
    ann = stage.worker("ann")
    stage.say(Bind(0, 5, "ann"))
    pcap.send(*(packet(number, PCAP) for number in range(8)))
    eiger.send(packet(0), packet(1))
    assert ann.gets_of_all(7) == {
        EIGER: [share(1, streams=2)],
        PCAP: [share(event, streams=2) for event in range(1, 7)],
    }
    stage.say(Hold(1), EndAt(4))
    assert stage.controller.hear(Held).hold == 1
    assert stage.controller.hear(Missing) == Missing(EIGER, ((2, 3), (7, 7)))


@pytest.mark.parametrize("waiting", [2, 500])
def test_what_has_come_at_the_end_and_was_not_read_is_not_missing(stack: ExitStack, waiting: int) -> None:
    source = FakeSource(EIGER)
    may_go_on, waits = threading.Event(), threading.Event()

    def wait() -> None:
        if not may_go_on.is_set():
            waits.set()
            may_go_on.wait()

    may_go_on.set()
    stage = Stage(stack, source, on_change=wait)
    stack.callback(may_go_on.set)
    stage.arm(TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": 600}}))
    ann = stage.worker("ann", window=1000)
    stage.say(Bind(0, 599, "ann"), Broadcast(0, ("ann",)))
    source.send(packet(0))
    assert ann.gets(1) == [share(0)]
    may_go_on.clear()
    assert waits.wait(20)
    come = range(1, waiting + 1)
    source.send(*(Packet(EIGER, PacketKind.FRAME, number, data(number)) for number in come))
    stage.say(EndAt(waiting + 1))
    may_go_on.set()
    assert stage.controller.hear(Missing) == Missing(EIGER, ((601, 601),))
    assert ann.gets(waiting) == [share(number) for number in come]
    told = stage.controller.hear_statistics(lambda statistics: statistics.counts.missing == 1)
    assert told.streams == {"eiger": MatchCounts(delivered=waiting + 1, missing=1)}


def test_a_hold_holds(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Bind(0, 5, "ann"))
    source.send(packet(0), packet(1))
    assert ann.gets(1) == [share(1)]
    stage.say(Hold(1))
    assert stage.controller.hear(Held) == Held(stage.ingester.identity, 1, 2)
    source.send(packet(2), packet(3))
    stage.say(UseParameters(9, 3))
    assert ann.gets(1) == [share(2)]
    assert ann.gets(1, version=9) == [share(3)]


def test_only_sources_of_the_map_are_opened_and_they_are_closed(stack: ExitStack) -> None:
    eiger, pcap = FakeSource(EIGER), FakeSource(PCAP)
    stage = Stage(stack, eiger, pcap)
    stage.arm()
    assert eiger.sockets
    assert not pcap.sockets
    stage.say(Disarm())
    assert stage.arm(BOTH) == ""
    assert eiger.sockets
    assert pcap.sockets
    stage.end()
    assert not eiger.sockets
    assert not pcap.sockets


def test_a_new_scan_begins_anew(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Bind(0, 5, "ann"))
    source.send(packet(0), packet(1))
    assert ann.gets(1) == [share(1)]
    stage.arm()
    stage.say(Window("ann", 100), Bind(1, 5, "ann"))
    source.send(packet(0), packet(1), packet(2))
    assert ann.gets(1) == [share(2)]
    stage.controller.say(Bind(0, 0, "ann"), b"another scan.....")
    assert stage.settle() == 3


def test_it_says_why_it_is_not_ready(stack: ExitStack) -> None:
    eiger, pcap = FakeSource(EIGER), FakeSource(PCAP, error="stream 'pcap': there is no such host")
    stage = Stage(stack, eiger, pcap)
    assert stage.arm(BOTH) == "stream 'pcap': there is no such host"
    assert not eiger.sockets
    stage.controller.say(Arm({"parts": {}}, 0))
    assert "tag sets" in stage.controller.hear(Ready).error
    assert stage.arm() == ""


def test_skipped_and_unwanted_messages_are_counted(stack: ExitStack) -> None:
    source = FakeSource(EIGER, PCAP)
    stage = Stage(stack, source)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)))
    source.send(Skipped(EIGER, "nonsense", b"\0"), packet(0, PCAP), packet(0))
    ann.gets(1)
    stage.settle()
    counts = stage.ingester.counts
    assert (counts.packets, counts.skipped, counts.unwanted) == (2, 1, 1)


def test_at_the_bound_only_what_is_waited_for_is_read(stack: ExitStack) -> None:
    eiger, pcap = FakeSource(EIGER), FakeSource(PCAP)
    stage = Stage(stack, eiger, pcap, keep_bytes=1)
    stage.arm(BOTH)
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)), Bind(0, 5, "ann"))
    eiger.send(packet(0))
    assert ann.gets(1) == [share(0, streams=2)]
    eiger.send(packet(1))
    stage.settle()
    assert stage.ingester.counts.packets == 1
    pcap.send(packet(0, PCAP), packet(1, PCAP))
    assert ann.gets(1, PCAP) == [share(0, streams=2)]
    stage.say(Release(((0, 0),)))
    assert ann.gets_of_all(2) == {EIGER: [share(1, streams=2)], PCAP: [share(1, streams=2)]}


def test_a_poisonous_event_is_captured(stack: ExitStack, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source, folder=tmp_path)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Bind(0, 5, "ann"))
    source.send(packet(0), packet(1), packet(2))
    ann.gets(2)
    with caplog.at_level(logging.WARNING):
        stage.say(Poison(2), Poison(1), Poison(5))
        stage.settle()
        stage.end()
    (path,) = tmp_path.iterdir()
    assert path.name == f"area_det_1-{SCAN.hex()}-poisoned.cbors"
    assert [(message.event_number, message.streams) for message in CaptureReader(path)] == [
        (event, {EIGER: data(event)}) for event in (2, 1)
    ]
    assert stage.ingester.counts.poisoned == 2
    assert f"event 2 killed its workers: its frames are in {path}" in caplog.text


def test_a_capture_that_cannot_be_written_is_said(
    stack: ExitStack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source, folder=tmp_path / "gone")
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Bind(0, 5, "ann"))
    source.send(packet(0), packet(1))
    ann.gets(1)
    stage.say(Poison(1))
    stage.settle()
    stage.end()
    assert "No such file or directory" in stage.ingester.recording.error
    assert f"cannot record: {stage.ingester.recording.error}" in caplog.text


def test_what_is_for_a_worker_that_is_gone_is_dropped(stack: ExitStack) -> None:
    events = 20_000
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm(TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": events}}))
    ann, bob = stage.worker("ann", window=events), stage.worker("bob")
    stage.say(Broadcast(0, ("ann", "bob")), Bind(0, events - 2, "ann"), Bind(events - 1, events - 1, "bob"))
    source.send(packet(0))
    assert ann.gets(1) == bob.gets(1) == [share(0)]
    ann.close()
    for event in range(1, events):
        source.send(Packet(EIGER, PacketKind.FRAME, event, data(event)))
        if stage.settle() == event + 1 and stage.ingester.counts.undeliverable:
            break
    else:
        pytest.fail("the ingester does not notice that Ann is gone")
    stage.say(Fence("ann"), Bind(0, 0, "bob", 1))
    assert bob.gets(1) == [share(1, attempt=1)]


def test_a_worker_that_is_gone_is_forgotten(stack: ExitStack) -> None:
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)))
    source.send(packet(0))
    assert ann.gets(1) == [share(0)]
    stage.controller.say(WorkerGone("ann"), NO_SCAN)
    stage.arm()
    stage.say(Broadcast(0, ("ann",)))
    source.send(packet(0))
    stage.controller.hear_statistics(lambda statistics: statistics.counts.packets == 1)
    assert stage.settle() == 0
    ann.say(WorkerHello("ann", ("generic",), False))
    assert ann.gets(1) == [share(0)]


def test_nonsense_is_left_out(stack: ExitStack, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(stack, FakeSource(EIGER))
    stage.arm()
    ann = stage.worker("ann")
    ann.socket.send(b"nonsense")
    ann.socket.send_multipart([b"", b""])
    stage.controller.send([b"nonsense"])
    stage.controller.say(Ping(), NO_SCAN)
    assert stage.arm() == ""
    assert "left out what the controller sent" in caplog.text


@pytest.mark.parametrize("silent", [False, True])
def test_when_the_controller_is_gone_the_scan_is_over_and_the_ingester_comes_anew(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    closed = threading.Event()

    class Watched(FakeSource):
        def close(self) -> None:
            super().close()
            closed.set()

    source = Watched(EIGER)
    stage = Stage(stack, source)
    stage.arm()
    before = stage.controller.node
    if silent:
        monkeypatch.setattr(node, "SILENCE", 0.0)
    else:
        stage.controller.restart()
    assert closed.wait(20)
    assert stage.controller.hear(IngesterHello, NO_SCAN) == stage.hello
    assert stage.controller.node != before
