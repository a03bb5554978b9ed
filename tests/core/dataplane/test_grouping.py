"""Frames become records in the order of events, whole, and not before they may."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dranspose.dataplane.grouping import Grouping
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.protocol import StreamName
from dranspose.triggermap import TriggerMap

EIGER, PCAP, OTHER = StreamName("eiger"), StreamName("pcap"), StreamName("other")
NOW = datetime(2025, 1, 2, tzinfo=UTC)
EVENTS = 8
MAP = TriggerMap.from_json({"uniform": {"streams": {"eiger": 1, "pcap": 2, "other": 1}, "events": EVENTS}})
END = EVENTS + 1


def data(stream: StreamName, event: int) -> StreamData:
    return StreamData("STINS", [b"%s %d" % (stream.encode(), event)])


def grouping(*streams: StreamName) -> Grouping:
    return Grouping(MAP, streams or (EIGER, PCAP))


def take(into: Grouping, stream: StreamName, *events: int) -> None:
    for event in events:
        into.take(stream, event, data(stream, event))


def events(records: list[InternalWorkerMessage]) -> list[tuple[int, set[StreamName]]]:
    for record in records:
        assert record.created_at == NOW
        assert all(found == data(stream, record.event_number) for stream, found in record.streams.items())
    return [(record.event_number, set(record.streams)) for record in records]


def test_a_record_waits_for_all_streams_of_its_event() -> None:
    both = grouping()
    take(both, EIGER, 0, 1, 2, 3)
    assert both.whole(4, NOW) == []
    assert both.awaited() == [PCAP]
    take(both, PCAP, 0)
    assert events(both.whole(4, NOW)) == [(0, {EIGER, PCAP})]
    take(both, PCAP, 1)
    assert events(both.whole(4, NOW)) == [(1, {EIGER, PCAP}), (2, {EIGER})]
    take(both, PCAP, 3)
    assert events(both.whole(4, NOW)) == [(3, {EIGER, PCAP})]
    assert both.held_bytes == 0
    assert both.awaited() == [EIGER]


def test_a_record_waits_until_its_event_cannot_be_cut_off() -> None:
    eiger = grouping(EIGER)
    take(eiger, EIGER, 0, 1, 2)
    assert events(eiger.whole(2, NOW)) == [(0, {EIGER}), (1, {EIGER})]
    assert eiger.awaited() == []
    assert events(eiger.whole(3, NOW)) == [(2, {EIGER})]


def test_frames_that_are_missing_are_left_out() -> None:
    both = grouping()
    both.lose(EIGER, ((1, 1), (3, 5)))
    both.lose(PCAP, ((3, 3),))
    take(both, EIGER, 0, 2, 6)
    take(both, PCAP, 0, 1, 5)
    assert events(both.whole(END, NOW)) == [
        (0, {EIGER, PCAP}), (1, {PCAP}), (2, {EIGER}), (5, {PCAP}), (6, {EIGER}),
    ]  # fmt: skip


def test_a_long_run_of_missing_frames_is_passed_at_once() -> None:
    events_of_scan = 10**7
    long = Grouping(TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": events_of_scan}}), [EIGER])
    long.lose(EIGER, ((0, events_of_scan - 1),))
    take(long, EIGER, events_of_scan)
    assert events(long.whole(events_of_scan + 1, NOW)) == [(events_of_scan, {EIGER})]


def test_frames_that_are_discarded_are_not_waited_for() -> None:
    cells = {"eiger": [[{}], [], [{}]], "pcap": [None, [{}], []]}
    both = Grouping(TriggerMap.from_json(cells, wrap=False), (EIGER, PCAP))
    take(both, EIGER, 0, 2)
    assert events(both.whole(3, NOW)) == [(0, {EIGER})]
    take(both, PCAP, 1)
    assert events(both.whole(3, NOW)) == [(1, {PCAP}), (2, {EIGER})]


def test_after_a_stop_only_the_end_event_is_left() -> None:
    both = grouping()
    take(both, EIGER, 0, 1, 2, 3)
    take(both, PCAP, 0, END)
    both.end_at(2)
    take(both, EIGER, 4, END)
    take(both, PCAP, 1)
    assert events(both.whole(END + 1, NOW)) == [(0, {EIGER, PCAP}), (1, {EIGER, PCAP})]
    assert both.awaited() == []
    assert events(both.rest(NOW)) == [(END, {EIGER, PCAP})]
    assert both.held_bytes == 0


def test_the_rest_is_all_that_was_taken_in() -> None:
    both = grouping()
    take(both, EIGER, 2, 0)
    assert both.held_bytes > 0
    assert events(both.rest(NOW)) == [(0, {EIGER}), (2, {EIGER})]
    assert both.held_bytes == 0


ALL = [(stream, event) for stream in (EIGER, PCAP) for event in range(END + 1) if stream in MAP.needs(event)]


@given(
    order=st.permutations(ALL),
    lost=st.sets(st.sampled_from(ALL)),
    stops=st.lists(st.integers(0, END + 1), min_size=len(ALL), max_size=len(ALL)),
    cut=st.integers(0, END),
    cut_at=st.integers(0, len(ALL)),
)
def test_every_frame_is_in_the_record_of_its_event_however_they_come(
    order: list[tuple[StreamName, int]],
    lost: set[tuple[StreamName, int]],
    stops: list[int],
    cut: int,
    cut_at: int,
) -> None:
    both, given_out, forwarded = grouping(), list[tuple[int, set[StreamName]]](), 0
    for index, ((stream, event), stop) in enumerate(zip(order, stops, strict=True)):
        if index == cut_at:
            both.end_at(max(cut, forwarded))  # nothing that was forwarded is cut off
        if (stream, event) in lost:
            both.lose(stream, ((event, event),))
        else:
            take(both, stream, event)
        forwarded = max(forwarded, stop if index < cut_at else 0)
        given_out += events(both.whole(forwarded, NOW))
        assert all(event < forwarded for event, _ in given_out)
    given_out += events(both.rest(NOW))
    expected: dict[int, set[StreamName]] = {}
    for stream, event in ALL:
        if (stream, event) not in lost and (cut_at == len(ALL) or event < max(cut, forwarded) or event == END):
            expected.setdefault(event, set()).add(stream)
    assert given_out == sorted(expected.items())
    assert both.held_bytes == 0
