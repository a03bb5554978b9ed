"""Frames come to the events that their numbers say, and whatever is wrong with a series is counted."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from dranspose.event import StreamData
from dranspose.protocol import StreamName
from dranspose.sources import matching
from dranspose.sources.matching import FrameMatcher, MatchCounts, Phase
from dranspose.sources.packet import Packet, PacketKind
from dranspose.triggermap import TriggerMap

EIGER = StreamName("eiger")
SLOW = StreamName("slow")


def uniform(images: int, **streams: int) -> TriggerMap:
    return TriggerMap.from_json({"uniform": {"streams": {"eiger": 1, **streams}, "events": images}})


def start(number: int) -> Packet:
    return Packet(EIGER, PacketKind.START, number, StreamData("STINS", [b"start %d" % number]))


def image(number: int, frame: int | None) -> Packet:
    return Packet(EIGER, PacketKind.FRAME, number, StreamData("STINS", [b"image", b"%d" % number]), frame)


def end(number: int) -> Packet:
    return Packet(EIGER, PacketKind.END, number, StreamData("STINS", [b"end %d" % number]))


def series(images: int, first_number: int = 0, first_frame: int = 0) -> list[Packet]:
    """Return a whole series; the packet at index i of it belongs to event i of a uniform map."""
    numbers = range(first_number + 1, first_number + 1 + images)
    packets = [image(number, frame) for frame, number in enumerate(numbers, first_frame)]
    return [start(first_number), *packets, end(first_number + 1 + images)]


class Scan:
    """What a matcher told about packets, all together."""

    def __init__(self, matcher: FrameMatcher, packets: Iterable[Packet] = ()) -> None:
        self.matcher = matcher
        self.frames: list[tuple[int, StreamData]] = []
        self.missing: list[tuple[int, int]] = []
        self.take(packets)

    def take(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            matched = self.matcher.take(packet)
            self.frames += matched.frames
            self.missing += matched.missing

    def stop(self, cut: int | None = None) -> None:
        matched = self.matcher.stop(cut)
        self.frames += matched.frames
        self.missing += matched.missing

    @property
    def events(self) -> list[int]:
        return [event for event, _ in self.frames]


def placed(packets: Sequence[Packet], events: Iterable[int]) -> list[tuple[int, StreamData]]:
    """Return the packets at these indices of a whole series at their events of a uniform map."""
    return [(event, packets[event].data) for event in events]


@pytest.mark.parametrize("first_number", [0, 7, 2**62])
@pytest.mark.parametrize("first_frame", [0, 1, 500])
def test_a_whole_series_fills_the_events(first_number: int, first_frame: int) -> None:
    packets = series(5, first_number, first_frame)
    scan = Scan(FrameMatcher(uniform(5), EIGER), packets)
    assert scan.frames == placed(packets, range(7))
    assert scan.matcher.counts == MatchCounts(delivered=7)
    assert scan.matcher.phase is Phase.OVER


def test_many_frames_are_looked_up_in_blocks() -> None:
    packets = series(20_000)
    scan = Scan(FrameMatcher(uniform(20_000), EIGER), packets)
    assert scan.events == list(range(20_002))


def test_a_stream_with_a_frame_in_every_third_event() -> None:
    scan = Scan(FrameMatcher(uniform(9, slow=3), SLOW), series(3))
    assert scan.events == [0, 1, 4, 7, 10]


def test_the_missing_frames_of_such_a_stream_are_told_by_first_and_last_event() -> None:
    packets = series(4)
    scan = Scan(FrameMatcher(uniform(12, slow=3), SLOW), [packets[0], packets[1], packets[4], packets[5]])
    assert scan.events == [0, 1, 10, 13]
    assert scan.missing == [(4, 7)]


def test_frames_without_recipient_are_counted_and_not_handed_out() -> None:
    trigger_map = TriggerMap.from_json({"eiger": [[{}], None, [], [{}], []]})
    packets = series(4)
    scan = Scan(FrameMatcher(trigger_map, EIGER), packets)
    assert scan.frames == [(0, packets[0].data), (1, packets[1].data), (4, packets[3].data), (6, packets[5].data)]
    assert scan.matcher.counts == MatchCounts(delivered=4, discarded=2)


def test_unknown_stream() -> None:
    with pytest.raises(KeyError, match="pilatus"):
        FrameMatcher(uniform(3), StreamName("pilatus"))


def test_a_map_without_a_frame_of_the_stream() -> None:
    trigger_map = TriggerMap.from_json({"eiger": [None], "other": [[{}]]}, wrap=False)
    scan = Scan(FrameMatcher(trigger_map, EIGER), series(1))
    assert scan.frames == []
    assert scan.matcher.counts == MatchCounts(after_end=3)


def test_a_map_with_one_frame_of_the_stream_takes_the_start_packet() -> None:
    trigger_map = TriggerMap.from_json({"eiger": [[{}]]}, wrap=False)
    scan = Scan(FrameMatcher(trigger_map, EIGER), series(1))
    assert scan.events == [0]
    assert scan.matcher.counts == MatchCounts(delivered=1, after_end=2)


class TestLostFrames:
    def test_are_missing_once_a_frame_is_far_enough_ahead(self) -> None:
        packets = series(10)
        scan = Scan(FrameMatcher(uniform(10), EIGER, reorder=3), [*packets[:3], *packets[4:7]])
        assert scan.missing == []  # 3 is 3 behind 6
        scan.take(packets[7:8])
        assert scan.missing == [(3, 3)]
        scan.take(packets[8:])
        assert scan.frames == placed(packets, [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11])
        assert scan.matcher.counts == MatchCounts(delivered=11, missing=1)

    def test_are_missing_at_the_end_packet(self) -> None:
        packets = series(10)
        scan = Scan(FrameMatcher(uniform(10), EIGER), [packets[0], *packets[2:9], packets[11]])
        assert scan.missing == [(1, 1), (9, 10)]
        assert scan.frames == placed(packets, [0, *range(2, 9), 11])

    def test_many_at_once_are_one_run(self) -> None:
        packets = [start(0), image(1, 0), image(9_000_001, 9_000_000)]
        scan = Scan(FrameMatcher(uniform(10_000_000), EIGER, reorder=5), packets)
        assert scan.missing == [(2, 8_999_995)]
        assert scan.events == [0, 1, 9_000_001]

    def test_at_the_beginning(self) -> None:
        packets = series(10, first_frame=1)
        scan = Scan(FrameMatcher(uniform(10), EIGER), [packets[0], *packets[4:]])
        assert scan.events == [0, *range(4, 12)]
        assert scan.missing == [(1, 3)]


class TestOrder:
    def test_frames_that_changed_places_are_delivered(self) -> None:
        packets = series(6)
        order = [0, 2, 1, 3, 6, 4, 5, 7]
        scan = Scan(FrameMatcher(uniform(6), EIGER, reorder=3), [packets[i] for i in order])
        assert scan.frames == placed(packets, order)
        assert scan.matcher.counts == MatchCounts(delivered=8, reordered=3)

    def test_a_duplicate_is_dropped(self) -> None:
        packets = series(5)
        scan = Scan(FrameMatcher(uniform(5), EIGER), [*packets[:3], packets[1], packets[2], *packets[3:]])
        assert scan.frames == placed(packets, range(7))
        assert scan.matcher.counts == MatchCounts(delivered=7, duplicate=2)

    def test_a_frame_that_was_given_up_is_late(self) -> None:
        packets = series(8)
        scan = Scan(FrameMatcher(uniform(8), EIGER, reorder=2), [packets[0], *packets[2:6], packets[1], *packets[6:]])
        assert scan.missing == [(1, 1)]
        assert scan.frames == placed(packets, [0, *range(2, 10)])
        assert scan.matcher.counts == MatchCounts(delivered=9, late=1, missing=1)

    def test_frames_behind_a_block_find_their_events(self) -> None:
        packets = series(9000)
        order = [*range(4096), *range(4100, 4200), 4099, *range(4096, 4099), *range(4200, 9002)]
        scan = Scan(FrameMatcher(uniform(9000), EIGER, reorder=200), [packets[i] for i in order])
        assert scan.frames == placed(packets, order)


class TestOtherSeries:
    def test_what_comes_before_the_start_packet_is_dropped(self) -> None:
        left_over, packets = series(9), series(5, first_number=11)
        scan = Scan(FrameMatcher(uniform(5), EIGER), [*left_over[4:], *packets])
        assert scan.frames == placed(packets, range(7))
        assert scan.matcher.counts == MatchCounts(delivered=7, before_start=7)

    def test_what_comes_after_the_end_packet_is_dropped(self) -> None:
        packets = series(5)
        scan = Scan(FrameMatcher(uniform(5), EIGER), [*packets, *series(5, first_number=7)])
        assert scan.frames == placed(packets, range(7))
        assert scan.matcher.counts == MatchCounts(delivered=7, after_end=7)

    def test_an_image_with_a_number_before_the_series_is_dropped(self) -> None:
        packets = series(5, first_number=10, first_frame=100)
        scan = Scan(FrameMatcher(uniform(5), EIGER), [*packets[:3], image(10, 99), image(9, 98), *packets[3:]])
        assert scan.frames == placed(packets, range(7))
        assert scan.matcher.counts == MatchCounts(delivered=7, before_start=2)

    def test_a_start_packet_in_mid_series_ends_the_series(self) -> None:
        packets = series(5)
        scan = Scan(FrameMatcher(uniform(5), EIGER), [*packets[:3], *series(5, first_number=3)])
        assert scan.frames == placed(packets, range(3))
        assert scan.missing == [(3, 6)]
        assert scan.matcher.counts == MatchCounts(delivered=3, after_end=7, missing=4)

    def test_the_newest_start_packet_counts_if_no_image_came(self, caplog: pytest.LogCaptureFixture) -> None:
        packets = series(5, first_number=4)
        scan = Scan(FrameMatcher(uniform(5), EIGER), [start(3), *packets])
        assert scan.frames == [(0, start(3).data), *placed(packets, range(1, 7))]
        assert scan.matcher.counts == MatchCounts(delivered=7, restarted=1)
        assert "'eiger': the series started anew" in caplog.text

    def test_a_series_that_ends_early(self, caplog: pytest.LogCaptureFixture) -> None:
        packets = series(3)
        scan = Scan(FrameMatcher(uniform(8), EIGER), packets)
        assert scan.frames == [*placed(packets, range(4)), (9, packets[-1].data)]
        assert scan.missing == [(4, 8)]
        assert scan.matcher.counts == MatchCounts(delivered=5, missing=5)
        assert "'eiger': the series ended after image 3 of 8" in caplog.text

    def test_a_series_without_images(self) -> None:
        scan = Scan(FrameMatcher(uniform(2), EIGER), series(0))
        assert scan.events == [0, 3]
        assert scan.missing == [(1, 2)]

    def test_a_series_longer_than_the_map(self) -> None:
        packets = series(8)
        scan = Scan(FrameMatcher(uniform(5), EIGER), packets)
        assert scan.frames == [*placed(packets, range(6)), (6, packets[-1].data)]
        assert scan.matcher.counts == MatchCounts(delivered=7, beyond_series=3)

    def test_without_end_packet_the_rest_is_missing_when_stopped(self) -> None:
        packets = series(5)
        scan = Scan(FrameMatcher(uniform(5), EIGER), packets[:4])
        scan.stop()
        assert scan.missing == [(4, 6)]
        assert scan.matcher.counts == MatchCounts(delivered=4, missing=3)
        assert scan.matcher.phase is Phase.OVER

    @pytest.mark.parametrize(
        ("cut", "missing"),
        [(0, [(6, 6)]), (3, [(6, 6)]), (4, [(6, 6)]), (5, [(4, 4), (6, 6)]), (6, [(4, 5), (6, 6)]), (7, [(4, 6)])],
    )
    def test_what_is_left_out_is_not_missing(self, cut: int, missing: list[tuple[int, int]]) -> None:
        scan = Scan(FrameMatcher(uniform(5), EIGER), series(5)[:4])
        assert [scan.matcher.awaits(event) for event in range(8)] == [False] * 5 + [True] * 3
        scan.stop(cut)
        assert scan.missing == missing
        assert scan.matcher.counts == MatchCounts(delivered=4, missing=sum(last - first + 1 for first, last in missing))
        assert not scan.matcher.awaits(7)

    def test_without_start_packet_everything_is_missing_when_stopped(self) -> None:
        packets = series(5)
        scan = Scan(FrameMatcher(uniform(5), EIGER), packets[1:])
        scan.stop()
        scan.stop()
        assert scan.frames == []
        assert scan.missing == [(0, 6)]
        assert scan.matcher.counts == MatchCounts(before_start=6, missing=7)


class TestNumbers:
    """`series` with other numbers: what places the images, and what is lost when one of them is lost."""

    LOST = 3

    def scan(self, packets: list[Packet]) -> Scan:
        scan = Scan(FrameMatcher(uniform(6), EIGER, reorder=1))
        scan.take(packet for i, packet in enumerate(packets) if i != self.LOST)
        assert scan.matcher.counts.missing == 1
        return scan

    def test_constant_message_numbers(self, caplog: pytest.LogCaptureFixture) -> None:
        packets = [packet._replace(number=0) for packet in series(6, first_frame=1)]
        assert self.scan(packets).frames == placed(packets, [0, 1, 2, 4, 5, 6, 7])
        assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2

    def test_message_numbers_that_the_start_packet_does_not_share(self, caplog: pytest.LogCaptureFixture) -> None:
        packets = [start(0), *series(6, first_number=1000)[1:]]
        assert self.scan(packets).frames == placed(packets, [0, 1, 2, 4, 5, 6, 7])
        assert "'eiger': the first image to come is taken for image 1: its message number is 1001" in caplog.text
        assert len(caplog.records) == 1

    def test_other_messages_that_are_counted_too(self, caplog: pytest.LogCaptureFixture) -> None:
        packets = [packet._replace(number=2 * packet.number) for packet in series(6)]
        assert self.scan(packets).frames == placed(packets, [0, 1, 2, 4, 5, 6, 7])
        assert "images are placed by that of the frame" in caplog.text

    def test_constant_frame_numbers(self, caplog: pytest.LogCaptureFixture) -> None:
        packets = [packet._replace(frame=0) for packet in series(6)]
        assert self.scan(packets).frames == placed(packets, [0, 1, 2, 4, 5, 6, 7])
        assert "images are placed by that of the message" in caplog.text

    @pytest.mark.parametrize("damaged", [1, 2])
    def test_a_wild_frame_number_at_the_beginning(self, damaged: int) -> None:
        packets = series(6)
        packets[damaged] = packets[damaged]._replace(frame=10**15)
        assert self.scan(packets).frames == placed(packets, [0, 1, 2, 4, 5, 6, 7])

    def test_a_wild_message_number_at_the_beginning(self) -> None:
        packets = series(6)
        packets[2] = packets[2]._replace(number=10**15)
        assert self.scan(packets).frames == placed(packets, [0, 1, 2, 4, 5, 6, 7])

    def test_no_frame_numbers(self) -> None:
        packets = [packet._replace(frame=None) for packet in series(6)]
        assert self.scan(packets).frames == placed(packets, [0, 1, 2, 4, 5, 6, 7])

    def test_an_image_whose_numbers_do_not_fit_those_before_is_dropped(self) -> None:
        packets = series(6)
        foreign = packets[4]._replace(frame=0)
        scan = Scan(FrameMatcher(uniform(6), EIGER), [*packets[:4], foreign, *packets[5:]])
        assert scan.frames == placed(packets, [0, 1, 2, 3, 5, 6, 7])
        assert scan.missing == [(4, 4)]
        assert scan.matcher.counts == MatchCounts(delivered=7, misnumbered=1, missing=1)

    def test_a_number_beyond_all_bounds_changes_nothing(self) -> None:
        packets = series(6)
        scan = Scan(FrameMatcher(uniform(6), EIGER), [*packets[:3], image(2**62 + 1, 2**62), *packets[3:]])
        assert scan.frames == placed(packets, range(8))
        assert scan.matcher.counts == MatchCounts(delivered=8, beyond_series=1)

    def test_a_doubled_first_image_decides_nothing(self) -> None:
        packets = series(6)
        packets = [packet._replace(number=min(packet.number, 1)) for packet in packets]  # constant from the first on
        scan = Scan(FrameMatcher(uniform(6), EIGER), [*packets[:2], *packets[1:]])
        assert scan.frames == placed(packets, range(8))
        assert scan.matcher.counts == MatchCounts(delivered=8, duplicate=1)


class TestSeveralConnections:
    def matcher(self, images: int = 6, reorder: int = 64) -> FrameMatcher:
        return FrameMatcher(uniform(images), EIGER, reorder, connections=2)

    def test_one_may_be_far_ahead_of_the_other(self) -> None:
        packets = series(1000)
        ahead, behind = packets[0:1000:2], [packet._replace(connection=1) for packet in packets[1:1000:2]]
        scan = Scan(self.matcher(1000, reorder=0), [*ahead, *behind, *packets[1000:]])
        assert sorted(scan.events) == list(range(1002))
        assert scan.missing == []

    def test_what_is_behind_both_is_missing(self) -> None:
        packets = series(10)
        scan = Scan(self.matcher(10, reorder=1), [packets[0], packets[1], packets[3], packets[7]])
        scan.take([packets[2]._replace(connection=1)])
        assert scan.missing == []  # 4 to 6 may come over the other one
        scan.take([packets[6]._replace(connection=1)])
        assert scan.missing == [(4, 4)]
        scan.take([packets[4], packets[6]])
        assert scan.matcher.counts == MatchCounts(delivered=6, reordered=2, late=1, duplicate=1, missing=1)

    def test_a_silent_connection_is_not_waited_for_without_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(matching, "MAX_AHEAD", 100)
        packets = series(1000)
        scan = Scan(self.matcher(1000), [packets[0], *packets[2:]])
        assert scan.missing == [(1, 1)]

    def test_images_that_overtook_their_start_packet(self) -> None:
        packets = series(6, first_number=10)
        scan = Scan(self.matcher(), [packets[2], packets[1]])
        assert scan.matcher.counts == MatchCounts(held=2)
        scan.take([packets[0], *packets[3:]])
        assert scan.frames == placed(packets, [0, 2, 1, *range(3, 8)])
        assert scan.matcher.counts == MatchCounts(delivered=8, reordered=1)

    def test_an_end_packet_that_overtook_images_waits_for_them(self) -> None:
        packets = series(6, first_number=10)
        scan = Scan(self.matcher(), [*packets[:4], packets[7], packets[6], packets[4]])
        assert scan.matcher.phase is Phase.ENDING
        assert scan.matcher.counts == MatchCounts(delivered=6, reordered=1, held=1)
        scan.take([packets[5]])
        assert scan.matcher.phase is Phase.OVER
        assert scan.frames == placed(packets, [0, 1, 2, 3, 6, 4, 5, 7])
        assert scan.missing == []

    def test_a_second_end_packet(self) -> None:
        packets = series(2, first_number=10)
        scan = Scan(self.matcher(2), [packets[0], packets[2], packets[3], packets[3]._replace(number=14), packets[1]])
        assert scan.frames == placed(packets, [0, 2, 1, 3])
        assert scan.matcher.counts == MatchCounts(delivered=4, reordered=1, duplicate=1)

    def test_until_stopped(self) -> None:
        packets = series(6, first_number=10)
        scan = Scan(self.matcher(), [*packets[:4], packets[7], packets[6]])
        scan.stop()
        assert scan.frames == placed(packets, [0, 1, 2, 3, 6, 7])
        assert scan.missing == [(4, 5)]

    def test_an_early_end_waits_only_for_what_was_sent(self) -> None:
        packets = series(3, first_number=10)
        scan = Scan(self.matcher(), [*packets[:3], packets[4], packets[3]])
        assert scan.events == [0, 1, 2, 3, 7]
        assert scan.missing == [(4, 6)]

    def test_left_overs_after_the_start_packet(self) -> None:
        left_over, packets = series(9), series(6, first_number=11)
        foreign = image(15, 0)
        scan = Scan(self.matcher(), [left_over[9], packets[0], *left_over[7:9], left_over[10], *packets[1:3], foreign])
        scan.take(packets[3:])
        assert scan.frames == placed(packets, range(8))
        assert scan.matcher.counts == MatchCounts(delivered=8, before_start=4, misnumbered=1)

    def test_the_next_series_does_not_end_this_one(self) -> None:
        packets, following = series(6), series(6, first_number=8)
        order = [*packets[:4], following[0], *packets[4:7], following[1], packets[7]]
        scan = Scan(self.matcher(), order)
        assert scan.frames == placed(packets, range(8))
        assert scan.missing == []
        assert scan.matcher.counts == MatchCounts(delivered=8, after_end=1, misnumbered=1)

    def test_images_after_the_next_start_packet_are_not_of_this_series(self) -> None:
        packets = [packet._replace(frame=None) for packet in [*series(3), *series(6, first_number=5)]]
        scan = Scan(self.matcher(), [*packets[:4], packets[5], packets[6], packets[4]])
        assert scan.events == [0, 1, 2, 3, 7]
        assert scan.matcher.counts == MatchCounts(delivered=5, after_end=1, beyond_series=1, missing=3)

    def test_images_of_the_next_series_are_not_taken_for_those_that_this_one_lacks(self) -> None:
        packets, following = series(3), series(6, first_number=5)
        scan = Scan(self.matcher(), [*packets[:4], following[1], packets[4]])
        assert scan.events == [0, 1, 2, 3, 7]
        assert scan.missing == [(4, 6)]
        assert scan.matcher.counts == MatchCounts(delivered=5, misnumbered=1, missing=3)

    def test_not_even_if_they_come_first(self) -> None:
        packets, following = series(3), series(6, first_number=5)
        scan = Scan(self.matcher(), [packets[0], following[1], *packets[1:]])
        assert scan.frames == [*placed(packets, range(4)), (7, packets[4].data)]
        assert scan.matcher.counts == MatchCounts(delivered=5, misnumbered=1, missing=3)

    def test_a_new_start_packet_right_after_the_first(self) -> None:
        packets = series(6, first_number=4)
        scan = Scan(self.matcher(), [start(3), *packets])
        assert scan.frames == [(0, start(3).data), *placed(packets, range(1, 8))]

    @pytest.mark.parametrize(("bound", "limit"), [("EARLY_PACKETS", 3), ("EARLY_BYTES", 3 * len(b"image10"))])
    def test_what_is_held_before_the_start_is_bounded(
        self, monkeypatch: pytest.MonkeyPatch, bound: str, limit: int
    ) -> None:
        monkeypatch.setattr(matching, bound, limit)
        matcher = self.matcher()
        scan = Scan(matcher, series(5, first_number=10)[1:6])
        assert matcher.counts == MatchCounts(before_start=2, held=3)
        scan.stop()
        assert matcher.counts == MatchCounts(before_start=5, missing=8)


def test_received_is_the_sum_of_what_became_of_packets() -> None:
    counts = MatchCounts(*range(1, 13))
    names = [name for name in MatchCounts.__slots__ if name not in ("reordered", "missing")]
    assert counts.received == sum(getattr(counts, name) for name in names)
    assert replace(counts, reordered=0, missing=0).received == counts.received


def arms(*lengths: int) -> list[Packet]:
    """Return series of these lengths, numbered on over all of them."""
    numbers = itertools.count()
    return [
        Packet(EIGER, kind, number, StreamData("PCAP_RAW", [b"%d" % number]))
        for length in lengths
        for kind, number in zip([PacketKind.START, *[PacketKind.FRAME] * length, PacketKind.END], numbers, strict=False)
    ]


class TestSeveralSeries:
    def test_the_start_and_end_of_each_is_a_frame(self) -> None:
        packets = arms(2, 0, 3)
        scan = Scan(FrameMatcher(uniform(9), EIGER, several_series=True), packets)
        assert scan.frames == placed(packets, range(11))
        assert scan.matcher.phase is Phase.OVER

    def test_after_the_last_event_nothing_is_taken(self) -> None:
        scan = Scan(FrameMatcher(uniform(2), EIGER, several_series=True), arms(2, 1))
        assert scan.events == [0, 1, 2, 3]
        assert scan.matcher.counts == MatchCounts(delivered=4, after_end=3)

    def test_an_end_before_the_last_event_may_be_followed_by_another_series(self) -> None:
        scan = Scan(FrameMatcher(uniform(5), EIGER, several_series=True), arms(2))
        assert scan.matcher.phase is Phase.SERIES
        scan.stop()
        assert scan.events == [0, 1, 2, 3]
        assert scan.missing == [(4, 6)]

    def test_a_lost_frame_shifts_no_later_series(self) -> None:
        packets = arms(2, 3)
        scan = Scan(FrameMatcher(uniform(7), EIGER, several_series=True), [*packets[:2], *packets[3:]])
        assert scan.frames == placed(packets, [0, 1, *range(3, 9)])
        assert scan.missing == [(2, 2)]

    def test_what_is_left_of_an_earlier_series_is_dropped(self) -> None:
        scan = Scan(FrameMatcher(uniform(1), EIGER, several_series=True), [*arms(2)[1:], *arms(1)])
        assert scan.events == [0, 1, 2]
        assert scan.matcher.counts == MatchCounts(delivered=3, before_start=3)
