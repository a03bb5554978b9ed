"""Captured scans: their trigger maps, and the packets that a detector would have sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dranspose.capture import CaptureWriter
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.protocol import EventNumber, StreamName
from dranspose.sources.matching import FrameMatcher, Phase
from dranspose.triggermap import TriggerMap
from dranspose_tango.testing.captured_scan import CapturedScan

X, Y = StreamName("x"), StreamName("y")


def stins(htype: str, number: int) -> StreamData:
    return StreamData("STINS", [json.dumps({"htype": htype, "msg_number": number}).encode()])


def write(path: Path, records: dict[int, dict[StreamName, StreamData]]) -> Path:
    with CaptureWriter(path) as capture:
        for event, streams in records.items():
            capture.write(InternalWorkerMessage(EventNumber(event), streams))
    return path


def images(stream: StreamName, events: range) -> dict[int, dict[StreamName, StreamData]]:
    return {event: {stream: stins("image", event)} for event in events}


def played(scan: CapturedScan) -> tuple[dict[tuple[int, StreamName], StreamData], set[Phase]]:
    """Return what the packets are in a scan with the map, and how far the streams are after all packets."""
    trigger_map = TriggerMap.from_json(scan.trigger_map())
    assert trigger_map.total_events == scan.events
    matchers = {stream: FrameMatcher(trigger_map, stream) for stream in scan.streams}
    found = {}
    for packet in scan.packets():
        matched = matchers[packet.stream].take(packet)
        assert not matched.missing
        found |= {(event, packet.stream): data for event, data in matched.frames}
    return found, {matcher.phase for matcher in matchers.values()}


def test_each_frame_comes_to_its_event(tmp_path: Path) -> None:
    every = {0: {X: stins("header", 0)}, **images(X, range(1, 7)), 7: {X: stins("series_end", 7)}}
    some = {0: {Y: stins("header", 0)}, **images(Y, range(2, 7, 2)), 7: {Y: stins("series_end", 7)}}
    scan = CapturedScan([write(tmp_path / "x", every), write(tmp_path / "y", some)])
    assert (scan.is_whole, scan.events) == (True, 8)
    found, phases = played(scan)
    assert found == {
        (event, stream): data for of in (every, some) for event, its in of.items() for stream, data in its.items()
    }
    assert phases == {Phase.OVER}


def test_an_event_that_no_stream_has_is_empty(tmp_path: Path) -> None:
    records = {0: {X: stins("header", 0)}, **images(X, range(1, 9, 3)), 9: {X: stins("series_end", 9)}}
    found, phases = played(CapturedScan([write(tmp_path / "x", records)]))
    assert [event for event, _ in found] == [0, 1, 4, 7, 9]
    assert phases == {Phase.OVER}


def test_the_first_part_of_a_scan_has_no_end(tmp_path: Path) -> None:
    scan = CapturedScan([write(tmp_path / "x", {0: {X: stins("header", 0)}, **images(X, range(1, 4))})])
    assert (scan.is_whole, scan.events) == (False, 5)
    found, phases = played(scan)
    assert [event for event, _ in found] == [0, 1, 2, 3]
    assert phases == {Phase.SERIES}


def test_a_stream_that_ends_early_makes_the_scan_none_that_is_whole(tmp_path: Path) -> None:
    every = {0: {X: stins("header", 0)}, **images(X, range(1, 4)), 4: {X: stins("series_end", 4)}}
    scan = CapturedScan(
        [write(tmp_path / "x", every), write(tmp_path / "y", {0: {Y: stins("header", 0)}, **images(Y, range(1, 3))})]
    )
    assert (scan.is_whole, scan.events) == (False, 5)
    assert [event for event, stream in played(scan)[0] if stream == Y] == [0, 1, 2]


def test_a_series_without_images(tmp_path: Path) -> None:
    found, phases = played(
        CapturedScan([write(tmp_path / "x", {0: {X: stins("header", 0)}, 1: {X: stins("series_end", 1)}})])
    )
    assert [event for event, _ in found] == [0, 1]
    assert phases == {Phase.OVER}


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([], "nothing to replay"),
        ([images(X, range(3, 5))], "no start packet, in event 0, of x"),
        ([{0: {X: stins("header", 0)}, **images(X, range(1, 3))}, images(Y, range(1, 3))], "of y"),
        ([{0: {X: stins("header", 0)}}, {0: {X: stins("header", 0)}}], "stream 'x' comes from two inputs"),
    ],
)
def test_what_is_no_scan_is_refused(
    tmp_path: Path, records: list[dict[int, dict[StreamName, StreamData]]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        CapturedScan([write(tmp_path / str(i), its) for i, its in enumerate(records)])


def test_several_scans_are_refused(tmp_path: Path) -> None:
    for _ in range(2):
        capture = write(tmp_path / "x", {0: {X: stins("header", 0)}, **images(X, range(1, 3))})
    with pytest.raises(ValueError, match="after event 2 comes 0: more than one scan"):
        CapturedScan([capture])
