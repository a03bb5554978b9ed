"""A simulated detector sends what it is told to, faults included, and a source and a matcher make the best of it."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import zmq

from dranspose.data.stream1 import Stream1Data, Stream1End, Stream1Start
from dranspose.event import StreamData
from dranspose.middlewares import stream1
from dranspose.protocol import StreamName
from dranspose.simulate import stins
from dranspose.simulate.stins import Faults, StinsDetector, encoder, pixels, plan, simulate
from dranspose.sources.matching import FrameMatcher, MatchCounts, Phase
from dranspose.sources.packet import Packet
from dranspose.sources.stins import StinsSource
from dranspose.triggermap import TriggerMap

EIGER = StreamName("eiger")
TIMEOUT = 30  # seconds


def sent(detector: StinsDetector) -> list[Any]:
    """Return what a detector sends, parsed; None for nonsense."""
    encode = encoder(detector)
    return [step.htype and stream1.parse(StreamData("STINS", [*encode(step)])) for step in plan(detector)]


class TestPlan:
    def test_numbers_go_on_over_series(self) -> None:
        start, first, second, end, next_start, *_ = sent(
            StinsDetector(images=2, series=2, first_msg_number=5, first_frame=1, filename="raw.h5")
        )
        assert isinstance(start, Stream1Start)
        assert start.filename == "raw.h5"
        assert isinstance(end, Stream1End)
        assert [message.msg_number for message in (start, first, second, end, next_start)] == [5, 6, 7, 8, 9]
        assert [image.frame for image in (first, second)] == [1, 2]

    @pytest.mark.parametrize("compression", ["none", "bslz4"])
    @pytest.mark.parametrize("dtype", ["int8", "uint16", "uint32", "float32", "float64"])
    def test_an_image_can_be_told_by_its_pixels(self, dtype: str, compression: Any) -> None:
        detector = StinsDetector(images=130, shape=(67, 63), dtype=dtype, compression=compression)
        for index, image in enumerate(sent(detector)[1:-1]):
            assert isinstance(image, Stream1Data)
            np.testing.assert_array_equal(image.data, pixels(detector, index))
            assert image.data.dtype == dtype
            assert image.data[0, 0] == index % 127

    def test_large_images_repeat_earlier(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stins, "PREPARED_BYTES", 1000)
        detector = StinsDetector(images=5, shape=(10, 10), dtype="uint32")
        assert [image.data[0, 0] for image in sent(detector)[1:-1]] == [0, 1, 0, 1, 0]
        assert pixels(detector, 4)[0, 0] == 0

    @pytest.mark.parametrize(
        ("faults", "expected"),
        [
            (Faults(), "h 0 1 2 3 e"),
            (Faults(drop=frozenset({1, 3})), "h 0 2 e"),
            (Faults(duplicate=frozenset({1})), "h 0 1 1 2 3 e"),
            (Faults(swap=frozenset({0, 2})), "h 1 0 3 2 e"),
            (Faults(swap=frozenset({3})), "h 0 1 2 3 e"),
            (Faults(malformed=frozenset({2})), "h 0 1 ? 3 e"),
            (Faults(end_after=2), "h 0 1 e"),
            (Faults(no_end=True), "h 0 1 2 3"),
            (Faults(extra=2), "h 0 1 2 3 4 5 e"),
            (Faults(leftovers=2), "4 5 e h 0 1 2 3 e"),
        ],
    )
    def test_faults(self, faults: Faults, expected: str) -> None:
        steps = list(plan(StinsDetector(images=4, faults=faults)))
        words = {"header": "h", "series_end": "e", None: "?"}
        assert " ".join(words.get(step.htype) or str(step.image) for step in steps) == expected

    def test_what_is_not_sent_keeps_its_number_and_its_time(self) -> None:
        steps = list(plan(StinsDetector(images=4, faults=Faults(drop=frozenset({1})))))
        assert [step.msg_number for step in steps] == [0, 1, 3, 4, 5]
        assert [step.slot for step in steps] == [0, 0, 2, 3, 4]

    @pytest.mark.parametrize(
        ("option", "problem"),
        [
            ({"images": -1}, "images is 0 or more, not -1"),
            ({"rate": -1.0}, "rate is 0 or more"),
            ({"compression": "gzip"}, "compression is one of none, bslz4, not 'gzip'"),
            ({"shape": (0, 5)}, "lengths"),
            ({"shape": ()}, "lengths"),
            ({"dtype": "U5"}, "pixels are integers or floats, not U5"),
        ],
    )
    def test_options_that_make_no_detector(self, option: dict[str, Any], problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            StinsDetector(**{"images": 1} | option)


@contextmanager
def running(detector: StinsDetector) -> Iterator[tuple[str, Future[int], threading.Event]]:
    """Run a detector; return its URL, how many messages it will have sent, and what stops it."""
    stop = threading.Event()
    bound: queue.Queue[str] = queue.Queue()
    with ThreadPoolExecutor() as pool:
        try:
            running = pool.submit(simulate, detector, "tcp://127.0.0.1:*", stop, bound.put)
            yield bound.get(timeout=TIMEOUT), running, stop
        finally:
            stop.set()


class Scan:
    """A scan of one stream, read by a source from one URL over some connections."""

    def __init__(self, url: str, images: int, connections: int = 1) -> None:
        self.source = StinsSource(EIGER, [url] * connections)
        trigger_map = TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": images}})
        self.matcher = FrameMatcher(trigger_map, EIGER, connections=self.source.connections)
        self.frames: dict[int, StreamData] = {}
        self.missing: list[tuple[int, int]] = []
        self.taken = 0

    def run(self, packets: int | None = None) -> None:
        """Read until the series is over, or so many packets were taken."""
        with zmq.Context() as context:
            self.source.open(context)
            poller = zmq.Poller()
            for socket in self.source.sockets:
                poller.register(socket, zmq.POLLIN)
            while self.matcher.phase is not Phase.OVER if packets is None else self.taken < packets:
                readable = poller.poll(TIMEOUT * 1000)
                assert readable, f"nothing came after {self.matcher.counts}"
                for socket, _ in readable:
                    for packet in self.source.read(socket, 50):
                        if isinstance(packet, Packet):
                            matched = self.matcher.take(packet)
                            assert not self.frames.keys() & {event for event, _ in matched.frames}
                            self.frames.update(matched.frames)
                            self.missing += matched.missing
                            self.taken += 1
            self.source.close()

    def images(self) -> dict[int, Stream1Data]:
        """Return the images by their event."""
        parsed = {event: stream1.parse(data) for event, data in self.frames.items()}
        return {event: image for event, image in parsed.items() if isinstance(image, Stream1Data)}


@pytest.mark.parametrize("connections", [1, 2, 3])
@pytest.mark.parametrize(
    "options", [{"shape": (16, 16)}, {"shape": (300, 300)}, {"shape": (64, 64), "compression": "bslz4"}]
)
def test_a_series_arrives(options: dict[str, Any], connections: int) -> None:
    detector = StinsDetector(images=500, first_msg_number=3, **options)
    with running(detector) as (url, messages, _):
        scan = Scan(url, 500, connections)
        scan.run()
        assert messages.result(TIMEOUT) == 502
    assert scan.frames.keys() == set(range(502))
    for event, image in scan.images().items():
        assert image.frame == event - 1
        np.testing.assert_array_equal(image.data, pixels(detector, event - 1))


def test_a_series_with_faults_arrives_without_a_shift() -> None:
    faults = Faults(
        drop=frozenset({3, 50}),
        duplicate=frozenset({7, 99}),
        swap=frozenset({20, 60}),
        malformed=frozenset({30}),
        extra=4,
        leftovers=5,
    )
    detector = StinsDetector(images=100, shape=(4, 4), faults=faults)
    with running(detector) as (url, _, _):
        scan = Scan(url, 100)
        scan.run()
    assert scan.frames.keys() == set(range(102)) - {4, 51, 31}
    assert scan.source.skipped == 1
    for event, image in scan.images().items():
        np.testing.assert_array_equal(image.data, pixels(detector, event - 1))
    assert scan.matcher.counts == MatchCounts(
        delivered=99, missing=3, duplicate=2, reordered=2, beyond_series=4, before_start=6
    )


def test_an_early_end() -> None:
    with running(StinsDetector(images=31, faults=Faults(end_after=22))) as (url, _, _):
        scan = Scan(url, 31)
        scan.run()
    assert scan.frames.keys() == {*range(23), 32}
    assert scan.missing == [(23, 31)]


def test_no_end() -> None:
    with running(StinsDetector(images=5, faults=Faults(no_end=True))) as (url, _, _):
        scan = Scan(url, 5)
        scan.run(packets=6)
    assert scan.matcher.stop().missing == [(6, 6)]


def test_the_second_of_two_series_is_outside_of_the_scan() -> None:
    with running(StinsDetector(images=5, series=2)) as (url, _, _):
        scan = Scan(url, 5)
        scan.run(packets=14)
    assert scan.frames.keys() == set(range(7))
    assert scan.matcher.counts == MatchCounts(delivered=7, after_end=7)


def test_no_image_is_sent_before_its_time() -> None:
    before = time.time()
    with running(StinsDetector(images=6, rate=100)) as (url, _, _):
        scan = Scan(url, 6)
        scan.run()
    for event, image in scan.images().items():
        assert image.sent > before + (event - 1) / 100 - 0.001


def test_no_series_is_sent_before_the_pause_is_over() -> None:
    before = time.time()
    with running(StinsDetector(images=0, series=2, pause=0.05, faults=Faults(leftovers=1))) as (url, messages, _):
        with zmq.Context() as context, context.socket(zmq.PULL) as receiver:
            receiver.setsockopt(zmq.RCVTIMEO, TIMEOUT * 1000)
            receiver.connect(url)
            received = [receiver.recv_multipart() for _ in range(8)]
        assert messages.result(TIMEOUT) == 8
    assert json.loads(received[4][0])["sent"] > before + 0.05 - 0.001


@pytest.mark.parametrize("connected", [False, True])
def test_a_stopped_detector_ends(connected: bool) -> None:
    with running(StinsDetector(images=10, rate=0.001)) as (url, messages, stop):
        if connected:
            scan = Scan(url, 10)
            scan.run(packets=2)
        stop.set()
        assert messages.result(TIMEOUT) == (2 if connected else 0)


def test_a_detector_whose_receiver_stopped_reading_can_be_stopped() -> None:
    detector = StinsDetector(images=1_000_000, shape=(100, 100))
    with running(detector) as (url, messages, stop), zmq.Context() as context, context.socket(zmq.PULL) as receiver:
        receiver.setsockopt(zmq.RCVHWM, 1)
        receiver.setsockopt(zmq.RCVTIMEO, TIMEOUT * 1000)
        receiver.connect(url)
        receiver.recv_multipart()
        stop.set()
        assert messages.result(TIMEOUT) < 1_000_000


def test_a_url_that_is_taken() -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as taken:
        taken.bind("tcp://127.0.0.1:*")
        with pytest.raises(zmq.ZMQError, match="in use"):
            simulate(StinsDetector(images=1), taken.getsockopt_string(zmq.LAST_ENDPOINT), threading.Event())
