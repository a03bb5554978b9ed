"""What is no message of its protocol is no packet, with the reason; and what is of another series neither."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import cbor2
import pytest
import zmq
from tests.core.sources.live import STREAM

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame
from dranspose.simulate import eiger_legacy, lecroy, stream2
from dranspose.sources.albaem import AlbaemSource
from dranspose.sources.eiger_legacy import EigerLegacySource
from dranspose.sources.lecroy import LecroySource
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.stream2 import BEGINNING_BYTES, Stream2Source
from dranspose.sources.zmq_source import ZmqSource

KINDS = [PacketKind.START, PacketKind.FRAME, PacketKind.FRAME, PacketKind.END]


def opened(source: type[ZmqSource]) -> Callable[[Sequence[Frame]], list[Packet]]:
    """Return what makes packets of the messages that a source receives after it was opened."""
    made = source(STREAM, ["inproc://nowhere"])
    made.begin()
    return lambda parts: [packet for packet in made.packets_of([*parts], 0) if isinstance(packet, Packet)]


def encoded(**fields: object) -> bytes:
    return json.dumps(fields).encode()


DECTRIS: list[Any] = [
    pytest.param(EigerLegacySource, eiger_legacy.messages, id="eiger_legacy"),
    pytest.param(Stream2Source, stream2.messages, id="stream2"),
]


@pytest.mark.parametrize(("source", "messages"), DECTRIS)
def test_a_series_is_numbered_from_its_start(source: type[ZmqSource], messages: Any) -> None:
    packets_of = opened(source)
    for series in (1, 2):
        packets = [packet for parts in messages(2, series=series) for packet in packets_of(parts)]
        assert [(packet.kind, packet.number) for packet in packets] == [*zip(KINDS, range(4), strict=True)]


@pytest.mark.parametrize(("source", "messages"), DECTRIS)
def test_another_series_than_that_which_began_is_left_out(source: type[ZmqSource], messages: Any) -> None:
    packets_of = opened(source)
    start, image, end = messages(1, series=5)
    _, left_over, old_end = messages(1, series=4)
    assert packets_of(left_over)[0].number == 1  # before any start it is the matching that leaves it out
    packets_of(start)
    for parts in (left_over, old_end):
        with pytest.raises(MalformedFrameError, match=r"it is of series .*4.*, while series .*5.* began"):
            packets_of(parts)
    assert [packet.number for parts in (image, end) for packet in packets_of(parts)] == [1, 2]


HEADER, IMAGE, _ = eiger_legacy.messages(1)


@pytest.mark.parametrize(
    ("source", "parts", "reason"),
    [
        (EigerLegacySource, [b""], "not JSON"),
        (EigerLegacySource, [encoded(htype="dimage-1.0")], "series is no number"),
        (EigerLegacySource, [encoded(htype="header", series=1)], "no message with htype 'header'"),
        (EigerLegacySource, HEADER[:-1], "7 parts, not 8"),
        (EigerLegacySource, [encoded(htype="dheader-1.0", series=1, header_detail=[])], "header_detail is none of"),
        (EigerLegacySource, IMAGE[:3], "3 parts, not 4"),
        (EigerLegacySource, [encoded(htype="dimage-1.0", series=1, frame=-1), *IMAGE[1:]], "frame is no number"),
        (Stream2Source, [b""], "not CBOR"),
        (Stream2Source, [b"\xa1", b""], "2 parts"),
        (Stream2Source, [cbor2.dumps([])], "no map"),
        (Stream2Source, [cbor2.dumps({"type": "image", "series_unique_id": 5})], "no series_unique_id"),
        (Stream2Source, [cbor2.dumps({"type": "header", "series_unique_id": "a"})], "no type of start, image, end"),
        (Stream2Source, [cbor2.dumps({"type": "image", "series_unique_id": "a", "image_id": 2**64})], "image_id is no"),
        (Stream2Source, [zmq.Frame(b"\xff" * 100_000)], "not CBOR"),
        (AlbaemSource, [b"{}"], "no message_type"),
        (AlbaemSource, [b"{}", b"{}"], "2 parts"),
        (AlbaemSource, [encoded(message_type="data", message_id=5)], "frame_number is no number"),
        (AlbaemSource, [encoded(message_type="series-end")], "message_id is no number"),
        (LecroySource, [b"{}"], "no message of a scope"),
        (LecroySource, [encoded(htype="msg", what=0), b""], "no message of a scope"),
        (LecroySource, [encoded(htype="msg", what=4)], "no message with what = 4"),
        (LecroySource, [encoded(htype="msg", what=2, frame=0)], "a sequence ends that did not start"),
        (LecroySource, [encoded(htype="msg", what=1, ntriggers=1)], "lacks the field 'seqno'"),
        (LecroySource, [encoded(htype="traces", ch=1)], "traces come in 3 parts, not 1"),
        (LecroySource, [encoded(htype="traces", ch=1, frame=0), b"", b""], "channel 1, which is not in the sequence"),
    ],
)
def test_what_is_no_packet(source: type[ZmqSource], parts: list[Frame], reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason) as caught:
        opened(source)(parts)
    assert len(str(caught.value)) < 200


def test_of_a_large_image_only_the_beginning_is_decoded() -> None:
    packets_of = opened(Stream2Source)
    _, [image], _ = stream2.messages(1, (300, 300), compression="none")
    [packet] = packets_of([zmq.Frame(image[:-1])])  # so the parser has to tell that it is cut off
    assert (packet.kind, packet.number) == (PacketKind.FRAME, 1)


def test_a_large_image_that_begins_with_its_data_is_decoded_as_a_whole() -> None:
    image = {"data": {"threshold_1": bytes(BEGINNING_BYTES)}, "type": "image", "series_unique_id": "a", "image_id": 6}
    [packet] = opened(Stream2Source)([zmq.Frame(cbor2.dumps(image))])
    assert packet.number == 7


@pytest.mark.parametrize("triggers", [-1, 2])
def test_traces_of_two_sequences_are_never_mixed(triggers: int) -> None:
    packets_of = opened(LecroySource)
    prepare, *rest = lecroy.messages(2, channels=(1, 2), samples=3, triggers=triggers)
    *rest, stop = rest
    start, first_1, first_2, first_end, *rest = rest
    second_1, second_2, second_end = rest[-3:]
    for parts in (prepare, start, first_1, first_2):  # its end is lost
        packets_of(parts)
    for parts in rest[:-3]:
        packets_of(parts)
    packets_of(second_2)  # and the first trace of the second sequence
    with pytest.raises(MalformedFrameError, match=r"without traces of the channels \[1\]"):
        packets_of(second_end)
    assert packets_of(stop)[0].kind is PacketKind.END
    assert first_end != second_end != second_1
