"""STINS messages become packets or are skipped, whatever their bytes; and they come over real sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from tests.core.sources.live import STREAM, Scan, sending

from dranspose.data.message import MalformedFrameError
from dranspose.data.stream1 import Stream1End
from dranspose.event import StreamData
from dranspose.middlewares.stream1 import parse
from dranspose.protocol import StreamName
from dranspose.simulate.player import messages as captured
from dranspose.sources import skips, zmq_source
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.source import Source, SourceError
from dranspose.sources.stins import StinsSource, packet_of
from dranspose.sources.zmq_source import MAX_PARTS, receive

EIGER = StreamName("eiger")
TIMEOUT = 30  # seconds

HEADER = {"htype": "header", "filename": "", "msg_number": 7}
IMAGE = {
    "htype": "image",
    "msg_number": 8,
    "frame": 0,
    "shape": [2, 2],
    "type": "uint8",
    "compression": "none",
}
END = {"htype": "series_end", "msg_number": 9}


def encoded(fields: object) -> bytes:
    return json.dumps(fields).encode()


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


@pytest.mark.parametrize("blobs", [[], [b"metadata"]])
def test_a_start_packet(blobs: list[bytes]) -> None:
    parts = [encoded(HEADER), *blobs]
    assert packet_of(EIGER, [*parts]) == Packet(EIGER, PacketKind.START, 7, StreamData("STINS", [*parts]))


@pytest.mark.parametrize("blobs", [1, 4, MAX_PARTS - 1])
def test_an_image(blobs: int) -> None:
    parts = [encoded(IMAGE), *[b"blob"] * blobs]
    assert packet_of(EIGER, [*parts]) == Packet(EIGER, PacketKind.FRAME, 8, StreamData("STINS", [*parts]), frame=0)


def test_an_end_packet() -> None:
    assert packet_of(EIGER, [encoded(END)]) == Packet(EIGER, PacketKind.END, 9, StreamData("STINS", [encoded(END)]))


BAD_NUMBERS = [None, True, "8", 8.0, -1, 2**63, 10**4000, [], {}]

MALFORMED = {
    "an empty part": ([b""], "not JSON"),
    "not JSON": ([b"\x00\xff"], "not JSON"),
    "JSON that is cut off": ([encoded(IMAGE)[:-1], b"blob"], "not JSON"),
    "not UTF-8": ([encoded(END).replace(b"end", b"\xe9nd")], "not JSON"),
    "endless nesting": ([b"[" * 100_000], "not JSON"),
    "a number of many digits": ([b'{"htype": "header", "msg_number": ' + b"1" * 10_000 + b"}"], "not JSON"),
    "a huge header": ([encoded({**HEADER, "mask": "x" * 2**24})], "more than 16777216"),
    "no object": ([b"[]"], "no JSON object"),
    "no htype": ([encoded(without(HEADER, "htype"))], "htype"),
    "another htype": ([encoded({**HEADER, "htype": "dheader-1.0"})], "htype"),
    "an htype that is no string": ([encoded({**HEADER, "htype": ["header"]})], "htype"),
    "an image without blob": ([encoded(IMAGE)], "without a blob"),
    "a start without number": ([encoded(without(HEADER, "msg_number"))], "msg_number"),
    "an image without number": ([encoded(without(IMAGE, "msg_number")), b"blob"], "msg_number"),
    "an image without frame": ([encoded(without(IMAGE, "frame")), b"blob"], "frame"),
    "an end without number": ([encoded(without(END, "msg_number"))], "msg_number"),
    **{f"a number {n!r:.20}": ([encoded({**END, "msg_number": n})], "msg_number is no number") for n in BAD_NUMBERS},
    **{f"a frame {n!r:.20}": ([encoded({**IMAGE, "frame": n}), b"blob"], "frame is no number") for n in BAD_NUMBERS},
}


@pytest.mark.parametrize(("parts", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_stins_message(parts: list[bytes], reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason) as caught:
        packet_of(EIGER, [*parts])
    assert len(str(caught.value)) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=8,
)


@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "htype": st.sampled_from(["header", "image", "series_end"]) | json_values,
            "msg_number": json_values,
            "frame": json_values,
        },
    )
    | json_values,
    blobs=st.lists(st.binary(max_size=3), max_size=3),
)
def test_any_json_is_a_packet_or_malformed(fields: object, blobs: list[bytes]) -> None:
    try:
        packet = packet_of(EIGER, [encoded(fields), *blobs])
    except MalformedFrameError:
        return
    assert isinstance(fields, dict)
    assert (packet.number, packet.data.frames[1:]) == (fields["msg_number"], blobs)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=3))
def test_any_bytes_are_a_packet_or_malformed(parts: list[bytes]) -> None:
    with pytest.raises(MalformedFrameError):
        packet_of(EIGER, [*parts])


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def detector(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    """Return the socket of a detector that is bound to inproc://detector."""
    socket = context.socket(zmq.PUSH)
    socket.bind("inproc://detector")
    return socket


@pytest.fixture
def source(context: zmq.Context[zmq.Socket[bytes]], detector: zmq.Socket[bytes]) -> Iterator[StinsSource]:
    source = StinsSource(EIGER, ["inproc://detector"])
    source.open(context)
    yield source
    source.close()


def read_all(source: Source, count: int) -> list[Packet | Skipped]:
    """Read until so many messages have come."""
    poller = zmq.Poller()
    for socket in source.sockets:
        poller.register(socket, zmq.POLLIN)
    read: list[Packet | Skipped] = []
    while len(read) < count:
        readable = poller.poll(TIMEOUT * 1000)
        assert readable, f"{len(read)} of {count} messages came"
        for socket, _ in readable:
            read += source.read(socket, 10)
    return read


def test_reading_what_is_not_there(source: StinsSource) -> None:
    assert [source.read(socket, 10) for socket in source.sockets] == [[], []]


def test_at_most_so_many_messages_are_read_at_once(source: StinsSource, detector: zmq.Socket[bytes]) -> None:
    for _ in range(5):
        detector.send(encoded(END))
    socket, _monitor = source.sockets
    assert [len(source.read(socket, 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_fewer_large_messages_are_read_at_once(
    source: StinsSource, detector: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zmq_source, "READ_BYTES", 1000)
    for _ in range(3):
        detector.send_multipart([encoded(IMAGE), bytes(600), bytes(600)])
    socket, _monitor = source.sockets
    assert [len(source.read(socket, 10)) for _ in range(4)] == [1, 1, 1, 0]


def test_parts_beyond_the_bound_are_not_kept(source: StinsSource, detector: zmq.Socket[bytes]) -> None:
    detector.send_multipart([b"part"] * 2 * MAX_PARTS)
    assert len(receive(source.sockets[0])) == MAX_PARTS + 1


def test_a_message_of_too_many_parts_is_skipped(source: StinsSource, detector: zmq.Socket[bytes]) -> None:
    detector.send_multipart([encoded(IMAGE), *[b""] * MAX_PARTS])
    [skipped] = read_all(source, 1)
    assert isinstance(skipped, Skipped)
    assert skipped.reason == f"it has more than {MAX_PARTS} parts"


def test_bad_messages_are_skipped_and_the_others_come(source: StinsSource, detector: zmq.Socket[bytes]) -> None:
    messages = [[encoded(HEADER)], *(parts for parts, _ in MALFORMED.values()), [encoded(IMAGE), b"blob"]]
    for parts in messages:
        detector.send_multipart(parts)
    first, *skipped, last = read_all(source, len(messages))
    assert (first, last) == (packet_of(EIGER, [*messages[0]]), packet_of(EIGER, [*messages[-1]]))
    for message, (parts, reason) in zip(skipped, MALFORMED.values(), strict=True):
        assert isinstance(message, Skipped)
        assert (message.stream, message.first_bytes) == (EIGER, parts[0][:32])
        assert reason in message.reason
    assert source.skipped == len(MALFORMED)


def test_skipped_messages_are_logged_once_in_a_while(
    source: StinsSource,
    detector: zmq.Socket[bytes],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 1000.0
    monkeypatch.setattr(skips.time, "monotonic", lambda: now)
    for _ in range(3):
        detector.send(b"nonsense")
    read_all(source, 3)
    now += skips.LOG_INTERVAL
    detector.send(b"more nonsense")
    read_all(source, 1)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    for text in ["'eiger'", "inproc://detector", "4 so far", "b'more nonsense'", "not JSON"]:
        assert text in caplog.messages[1]


def test_small_blobs_are_bytes_and_large_ones_stay_in_their_message(
    source: StinsSource, detector: zmq.Socket[bytes]
) -> None:
    sizes = [100, 100_000, 100_000, 100, 100]
    for size in sizes:
        detector.send_multipart([encoded(IMAGE), bytes(size)])
        detector.send(encoded(END))
    images = read_all(source, 2 * len(sizes))[::2]
    blobs = [image.data.frames[1] for image in images if isinstance(image, Packet)]
    assert [type(blob) for blob in blobs] == [bytes, zmq.Frame, zmq.Frame, bytes, bytes]
    assert [len(blob) for blob in blobs] == sizes


def test_a_source_can_be_opened_again(
    source: StinsSource, context: zmq.Context[Any], detector: zmq.Socket[bytes]
) -> None:
    detector.send(b"nonsense")
    read_all(source, 1)
    source.close()
    assert source.sockets == []
    while detector.poll(0, zmq.POLLOUT):  # it has not noticed yet
        pass
    source.open(context)
    assert source.skipped == 0
    detector.send(encoded(END))
    assert read_all(source, 1) == [packet_of(EIGER, [encoded(END)])]


def test_a_source_can_be_closed_after_its_context() -> None:
    context: zmq.Context[Any] = zmq.Context()
    source = StinsSource(EIGER, ["tcp://127.0.0.1:9"])
    source.open(context)
    context.destroy(linger=0)
    source.close()
    assert source.sockets == []


def test_a_detector_that_comes_back(context: zmq.Context[Any]) -> None:
    url = "tcp://127.0.0.1:*"
    source = None
    for _ in range(2):
        with zmq.Context() as of_detector, of_detector.socket(zmq.PUSH) as detector:
            detector.setsockopt(zmq.SNDTIMEO, TIMEOUT * 1000)
            detector.bind(url)
            if source is None:
                url = detector.getsockopt_string(zmq.LAST_ENDPOINT)
                source = StinsSource(EIGER, [url])
                source.open(context)
            detector.send(encoded(END))
            assert read_all(source, 1) == [packet_of(EIGER, [encoded(END)])]
    source.close()


def test_the_capture_of_the_tutorial(captures: Path) -> None:
    with sending(captured(captures / "dump_xrd.cbors")) as url:
        scan = Scan(StinsSource(STREAM, [url]), 9).run()
    parsed = scan.parsed(parse)
    assert parsed[0].filename == "output/xrd.h5"
    assert [parsed[event].data[:2, 8:].mean() for event in range(1, 10)] == [
        9.25, 11.25, 11.75, 4.25, 2.25, 3.0, 4.75, 7.75, 10.75,
    ]  # fmt: skip
    assert isinstance(parsed[10], Stream1End)


@pytest.mark.parametrize("connections", [1, 3])
def test_a_start_of_two_frames_and_images_of_four_modules(connections: int) -> None:
    modules = {"x": [0, 1, 0, 1], "z": [0, 0, 1, 1], "rotation": [0, 0, 180, 180], "full_shape": [4, 4]}
    messages = [
        [encoded({**HEADER, "msg_number": 70}), encoded({"exptime": 0.1})],
        *(
            [
                encoded({**IMAGE, **modules, "msg_number": 71 + i, "frame": i}),
                *[bytes([i, module, 0, 0]) for module in range(4)],
            ]
            for i in range(50)
        ),
        [encoded({**END, "msg_number": 121})],
    ]
    with sending(messages) as url:
        scan = Scan(StinsSource(STREAM, [url] * connections), 50).run()
    parsed = scan.parsed(parse)
    assert json.loads(scan.frames[0].frames[1])["exptime"] == 0.1
    assert parsed[0].msg_number == 70
    for event in range(1, 51):
        assert parsed[event].blobs == [bytes([event - 1, module, 0, 0]) for module in range(4)]
        assert {name: getattr(parsed[event], name) for name in modules} == modules
    assert parsed[51].msg_number == 121


@pytest.mark.parametrize("url", ["detector:9999", "http://detector", "tcp://detector", "tcp://", ""])
def test_a_url_that_cannot_be_connected_to(context: zmq.Context[Any], url: str) -> None:
    source = StinsSource(EIGER, ["tcp://127.0.0.1:9", url])
    with pytest.raises(SourceError, match=f"'eiger': cannot connect to {url!r}: "):
        source.open(context)
    assert source.sockets == []


def test_a_source_needs_a_url() -> None:
    with pytest.raises(ValueError, match="'eiger': StinsSource needs a URL"):
        StinsSource(EIGER, [])
