"""A capture, of an ingester or of what a detector sent, is played out message by message."""

from __future__ import annotations

import gzip
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cbor2
import pytest
import zmq
from tests.core.stins_messages import message, packet, series, write_capture

from dranspose.capture import CaptureError
from dranspose.protocol import StreamName
from dranspose.simulate.player import messages, play

XRD = StreamName("xrd")
TIMEOUT = 30  # seconds

RAW = [[b"start", b"config"], [b"data", b"", b"\x80blob" * 1000], [b"end"]]


def write_raw(path: Path, raw: list[list[bytes]]) -> Path:
    content = b"".join(cbor2.dumps(parts) for parts in raw)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


class TestMessages:
    @pytest.mark.parametrize("name", ["raw.cbors", "raw.cbor.gz"])
    def test_of_a_raw_capture(self, tmp_path: Path, name: str) -> None:
        assert list(messages(write_raw(tmp_path / name, RAW))) == RAW

    def test_of_the_only_stream(self, tmp_path: Path) -> None:
        captured = series(3)
        path = write_capture(tmp_path / "xrd.cbors", captured)
        assert list(messages(path)) == [one.streams[XRD].frames for one in captured]

    def test_of_one_of_several_streams(self, tmp_path: Path) -> None:
        start = packet({"htype": "header", "filename": ""}, 0)
        end = packet({"htype": "series_end"}, 1)
        both = [message(0, xrd=start, pcap=end), message(1, pcap=start), message(2, xrd=end, pcap=end)]
        path = write_capture(tmp_path / "both.cbors", both)
        assert list(messages(path, XRD)) == [start.frames, end.frames]

    def test_of_several_streams_one_must_be_named(self, tmp_path: Path) -> None:
        start = packet({"htype": "header", "filename": ""}, 0)
        path = write_capture(tmp_path / "both.cbors", [message(0, xrd=start, pcap=start)])
        with pytest.raises(ValueError, match=r"both\.cbors has several streams, name one of them: pcap, xrd"):
            list(messages(path))

    def test_of_a_stream_that_is_not_there(self, tmp_path: Path) -> None:
        path = write_capture(tmp_path / "xrd.cbors", series(3))
        with pytest.raises(ValueError, match=r"xrd\.cbors has no stream 'eiger', but: xrd"):
            list(messages(path, StreamName("eiger")))

    def test_a_cut_off_raw_capture_gives_what_it_has(self, tmp_path: Path) -> None:
        path = write_raw(tmp_path / "raw.cbors", RAW)
        path.write_bytes(path.read_bytes()[:-2])
        read = messages(path)
        assert [next(read), next(read)] == RAW[:2]
        with pytest.raises(CaptureError, match=r"raw\.cbors cannot be read from the message at byte \d+"):
            next(read)

    @pytest.mark.parametrize("record", [[b"bytes", "text"], {"a": 1}, 5])
    def test_what_is_no_message(self, tmp_path: Path, record: object) -> None:
        path = tmp_path / "raw.cbors"
        path.write_bytes(cbor2.dumps([b"start"]) + cbor2.dumps(record))
        with pytest.raises(CaptureError, match=r"raw\.cbors has no array of byte strings at byte 7"):
            list(messages(path))

    @pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80"])
    def test_what_is_no_capture(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "nothing.cbors"
        path.write_bytes(content)
        with pytest.raises(CaptureError, match=r"nothing\.cbors is"):
            list(messages(path))

    @pytest.mark.parametrize(
        ("name", "count"),
        [
            ("albaem-dump.cbors", 6),
            ("contrast-dump.cbors", 26),
            ("eiger-small.cbors", 5),
            ("maui-02-continuous-3.cbor.gz", 9),
            ("pcap-zmq.cbors", 102),
            ("xspress3-dump.cbors", 62),
            ("dump_xrd.cbors", 11),
        ],
    )
    def test_of_real_captures(self, captures: Path, name: str, count: int) -> None:
        read = list(messages(captures / name))
        assert len(read) == count
        assert all(parts for parts in read)


@contextmanager
def playing(**options: Any) -> Iterator[tuple[str, Future[int]]]:
    stop = threading.Event()
    bound: queue.Queue[str] = queue.Queue()
    with ThreadPoolExecutor() as pool:
        try:
            sent = pool.submit(play, RAW, "tcp://127.0.0.1:*", stop, bound=bound.put, **options)
            yield bound.get(timeout=TIMEOUT), sent
        finally:
            stop.set()


@pytest.mark.parametrize("rate", [0.0, 1000.0])
@pytest.mark.parametrize("publish", [False, True])
def test_playing(publish: bool, rate: float) -> None:
    with playing(publish=publish, rate=rate) as (url, sent), zmq.Context() as context:
        with context.socket(zmq.SUB if publish else zmq.PULL) as receiver:
            if publish:
                receiver.subscribe(b"")
            receiver.connect(url)
            received = []
            while len(received) < len(RAW):
                assert receiver.poll(TIMEOUT * 1000)
                received.append(receiver.recv_multipart())
        assert sent.result(TIMEOUT) == len(RAW)
    assert received == RAW


def test_playing_can_be_stopped() -> None:
    with playing(rate=0.001) as (url, sent), zmq.Context() as context, context.socket(zmq.PULL) as receiver:
        receiver.setsockopt(zmq.RCVTIMEO, TIMEOUT * 1000)
        receiver.connect(url)
        assert receiver.recv_multipart() == RAW[0]
    assert sent.result(TIMEOUT) == 1


def test_handing_over_what_was_sent_can_be_stopped() -> None:
    stop = threading.Event()
    with ThreadPoolExecutor() as pool, zmq.Context() as context, context.socket(zmq.PULL) as receiver:
        bound: queue.Queue[str] = queue.Queue()
        receiver.setsockopt(zmq.RCVHWM, 1)
        playing = pool.submit(play, [[bytes(10**7)]] * 100, "tcp://127.0.0.1:*", stop, bound=bound.put)
        receiver.connect(bound.get(timeout=TIMEOUT))
        receiver.recv()  # and no more
        stop.set()
        assert playing.result(TIMEOUT)
