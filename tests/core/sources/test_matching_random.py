"""Whatever becomes of the packets of a series on their way: a matcher agrees with a model that remembers everything."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.core.triggermap_strategies import documents, expand

from dranspose.event import StreamData
from dranspose.protocol import StreamName
from dranspose.sources.matching import FrameMatcher, MatchCounts, Phase
from dranspose.sources.packet import Packet, PacketKind
from dranspose.triggermap import TriggerMap

EIGER = StreamName("eiger")
MAX_IMAGES = 12
MAX_REORDER = 4


def packet(kind: PacketKind, number: int, frame: int | None = None) -> Packet:
    return Packet(EIGER, kind, number, StreamData("STINS", [kind.value.encode(), b"%d" % number]), frame)


def uniform(images: int) -> TriggerMap:
    return TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": images}})


def spread(runs: list[tuple[int, int]]) -> list[int]:
    return [event for first, last in runs for event in range(first, last + 1)]


class Model:
    """A matcher of images alone, by their event in a uniform map, that keeps all it ever saw."""

    def __init__(self, images: int, reorder: int) -> None:
        self.images, self.reorder = images, reorder
        self.delivered: set[int] = set()
        self.missing: set[int] = set()
        self.fates: Counter[str] = Counter()

    def take(self, event: int) -> tuple[list[int], list[int]]:
        """Return the events delivered and given up."""
        newest = max(self.delivered, default=0)
        if event > self.images:
            self.fates["beyond_series"] += 1
        elif event < newest - self.reorder:
            self.fates["late"] += 1
        elif event in self.delivered:
            self.fates["duplicate"] += 1
        else:
            self.fates["delivered"] += 1
            self.fates["reordered"] += event < newest
            self.delivered.add(event)
            too_old = range(1, max(self.delivered) - self.reorder)
            given_up = sorted(set(too_old) - self.delivered - self.missing)
            self.missing.update(given_up)
            return [event], given_up
        return [], []

    def rest(self) -> list[int]:
        return sorted(set(range(1, self.images + 1)) - self.delivered - self.missing)


@given(
    images=st.integers(0, MAX_IMAGES),
    reorder=st.integers(0, MAX_REORDER),
    arrivals=st.lists(st.integers(1, MAX_IMAGES + 3), max_size=40),
    first_number=st.integers(0, 50),
    first_frame=st.sampled_from([0, 1, 50]),
    ended=st.booleans(),
)
def test_images_lost_doubled_and_in_any_order(
    images: int, reorder: int, arrivals: list[int], first_number: int, first_frame: int, ended: bool
) -> None:
    matcher, model = FrameMatcher(uniform(images), EIGER, reorder), Model(images, reorder)
    matcher.take(packet(PacketKind.START, first_number))
    for event in arrivals:
        sent = packet(PacketKind.FRAME, first_number + event, first_frame + event - 1)
        matched = matcher.take(sent)
        delivered, given_up = model.take(event)
        assert list(matched.frames) == [(event, sent.data) for event in delivered]
        assert spread(list(matched.missing)) == given_up
    if ended:
        last = packet(PacketKind.END, first_number + images + 1)
        matched = matcher.take(last)
        assert matched.frames == [(images + 1, last.data)]
        assert spread(list(matched.missing)) == model.rest()
    else:
        matched = matcher.stop()
        assert spread(list(matched.missing)) == [*model.rest(), images + 1]
    counts = matcher.counts
    assert counts.received == len(arrivals) + 1 + ended
    assert counts.delivered + counts.missing == images + 2
    model.fates["delivered"] += 1 + ended
    assert {name: getattr(counts, name) for name in model.fates} == model.fates


@given(document=documents(), wrap=st.booleans(), data=st.data())
def test_every_frame_comes_to_the_event_that_the_map_has_for_it(
    document: dict[str, Any], wrap: bool, data: st.DataObject
) -> None:
    trigger_map, model = TriggerMap.from_json(document, wrap=wrap), expand(document, wrap=wrap)
    stream = StreamName(data.draw(st.sampled_from(sorted(model.streams))))
    events = [event for event, frames in enumerate(model.events) if stream in frames]
    kinds = [PacketKind.START, *[PacketKind.FRAME] * (len(events) - 2), PacketKind.END][: len(events)]
    packets = [packet(kind, number, number) for number, kind in enumerate(kinds)]
    wanted = [
        (event, sent.data)
        for event, sent in zip(events, packets, strict=True)
        if model.events[event][stream].virtual_workers or model.events[event][stream].broadcasts
    ]
    matcher = FrameMatcher(trigger_map, stream)
    assert [frame for sent in packets for frame in matcher.take(sent).frames] == wanted
    assert matcher.counts == MatchCounts(delivered=len(wanted), discarded=len(events) - len(wanted))
    assert matcher.phase is Phase.OVER


@st.composite
def over_connections(draw: st.DrawFn, packets: list[Packet], count: int) -> list[Packet]:
    """Return packets as they are read when several connections carry them."""
    waiting: list[list[Packet]] = [[] for _ in range(count)]
    for one in packets:
        connection = draw(st.integers(0, count - 1))
        waiting[connection].append(one._replace(connection=connection))
    read = []
    while carrying := [queue for queue in waiting if queue]:
        read.append(draw(st.sampled_from(carrying)).pop(0))
    return read


@given(images=st.integers(0, MAX_IMAGES), left_over=st.integers(0, 3), connections=st.integers(2, 3), data=st.data())
def test_over_several_connections_nothing_is_lost(
    images: int, left_over: int, connections: int, data: st.DataObject
) -> None:
    earlier = [packet(PacketKind.FRAME, number, number) for number in range(left_over)]
    header = len(earlier) + 1
    sent = [
        packet(PacketKind.START, header),
        *(packet(PacketKind.FRAME, header + 1 + i, i) for i in range(images)),
        packet(PacketKind.END, header + 1 + images),
    ]
    matcher = FrameMatcher(uniform(images), EIGER, reorder=0, connections=connections)
    packets = [*earlier, packet(PacketKind.END, left_over), *sent]
    matched = [matcher.take(arrived) for arrived in data.draw(over_connections(packets, connections))]
    assert sorted(event for one in matched for event, _ in one.frames) == list(range(images + 2))
    assert all(data is sent[event].data for one in matched for event, data in one.frames)
    assert matcher.counts.missing == 0
    assert matcher.counts.received == len(packets)
    assert matcher.phase is Phase.OVER


def test_memory_does_not_grow_with_the_scan() -> None:
    images = 50_000
    matcher = FrameMatcher(uniform(images), EIGER)
    matcher.take(packet(PacketKind.START, 0))
    used = []
    tracemalloc.start()
    try:
        for frame in range(images):
            if frame % 3:
                matcher.take(packet(PacketKind.FRAME, frame + 1, frame))
            if frame in (images // 5, images - 1):
                used.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert used[1] < used[0] + images
