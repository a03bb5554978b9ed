"""The debug worker's class: what it shows of the events that it gets."""

from __future__ import annotations

import json

import numpy as np

from dranspose.debug import SHOWN_EVENTS, DebugWorker
from dranspose.event import EventData, StreamData
from dranspose.middlewares.stream1 import TYPE
from dranspose.protocol import EventNumber, StreamName

XRD, PCAP = StreamName("xrd"), StreamName("pcap")


def image(number: int) -> StreamData:
    header = {"htype": "image", "msg_number": number, "frame": number, "shape": [2, 3], "type": "uint16"}
    pixels = np.arange(6, dtype=np.uint16) + number
    return StreamData(TYPE, [json.dumps({**header, "compression": "none"}).encode(), pixels.tobytes()])


def test_it_shows_headers_images_and_a_line_for_each_event() -> None:
    worker = DebugWorker()
    assert (
        worker.process_event(EventData(EventNumber(7), {XRD: image(7), PCAP: StreamData("PCAP", [b"\x00\xff"])}))
        is None
    )
    np.testing.assert_array_equal(worker.publish["xrd"]["image"], [[7, 8, 9], [10, 11, 12]])
    assert json.loads(worker.publish["xrd"]["header"])["frame"] == 7
    assert worker.publish["pcap"] == {"parts": [2], "header": "\\0\\xff"}
    assert worker.publish["events"] == [f"7: xrd (STINS, 2 parts, {sum(worker.publish['xrd']['parts'])} B), "
                                        "pcap (PCAP, 1 parts, 2 B)"]  # fmt: skip


def test_an_image_stays_when_the_end_packet_comes_and_old_lines_go() -> None:
    worker = DebugWorker()
    for number in range(SHOWN_EVENTS + 1):
        worker.process_event(EventData(EventNumber(number), {XRD: image(number)}))
    worker.process_event(
        EventData(EventNumber(99), {XRD: StreamData(TYPE, [b'{"htype":"series_end","msg_number":99}'])})
    )
    assert worker.publish["xrd"]["image"][0, 0] == SHOWN_EVENTS
    assert "series_end" in worker.publish["xrd"]["header"]
    assert [line.partition(":")[0] for line in worker.publish["events"]] == [str(n) for n in range(2, 51)] + ["99"]


def test_what_is_no_image_is_not_in_the_way() -> None:
    worker = DebugWorker()
    worker.process_event(
        EventData(EventNumber(0), {XRD: StreamData(TYPE, [b"not JSON"]), PCAP: StreamData("PCAP", [])})
    )
    assert worker.publish["xrd"] == {"parts": [8], "header": "not JSON"}
    assert worker.publish["pcap"] == {"parts": []}
