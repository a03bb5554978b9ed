"""An ingester forwards what instructions say, when they say it, and keeps it as long as they say."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from dranspose.dataplane.forwarding import FRAME_OVERHEAD, LOST_AT_ONCE, Forwarding
from dranspose.dataplane.wire import Share
from dranspose.event import StreamData
from dranspose.protocol import StreamName
from dranspose.scheduling.instructions import (
    Bind,
    Broadcast,
    EndAt,
    Fence,
    Hold,
    Instruction,
    Release,
    Solo,
    UseParameters,
    Window,
)
from dranspose.triggermap import TriggerMap

EIGER, PCAP, XRD = StreamName("eiger"), StreamName("pcap"), StreamName("xrd")
GENERIC = frozenset({"generic"})
ANN, BOB, CAT = "ann:1", "bob:2", "cat:3"


class Given(NamedTuple):
    worker: str
    stream: str
    event: int
    attempt: int = 0
    streams: int = 1
    solo: bool = False
    lost: bool = False
    version: int = 0


def frame(event: int, size: int = 8) -> StreamData:
    return StreamData("STINS", [b"%d" % event, b"." * size])


class Scan:
    """A forwarding with workers Ann and Bob, who have large windows."""

    def __init__(
        self, document: Any, streams: tuple[StreamName, ...] = (EIGER,), wrap: bool = False, **options: Any
    ) -> None:
        self.map = TriggerMap.from_json(document, wrap=wrap)
        self.forwarding = Forwarding(self.map, streams, **options)
        for worker in (ANN, BOB):
            self.forwarding.meet(worker, GENERIC)
            self.forwarding.handle(Window(worker, 100))

    def come(self, *events: int, stream: StreamName = EIGER) -> list[Given]:
        for event in events:
            self.forwarding.take(stream, event, frame(event))
        return self.due()

    def say(self, *instructions: Instruction) -> list[Given]:
        for instruction in instructions:
            self.forwarding.handle(instruction)
        return self.due()

    def due(self) -> list[Given]:
        found = []
        for worker, stream, version, shares in self.forwarding.due():
            for share in shares:
                assert share.data is None or share.data == frame(share.event)
                found.append(
                    Given(
                        worker,
                        stream,
                        share.event,
                        share.attempt,
                        share.streams,
                        share.solo,
                        share.data is None,
                        version,
                    )
                )
        return sorted(found)


def uniform(events: int, streams: Any = ("eiger",), batch: int = 1) -> dict[str, Any]:
    return {
        "uniform": {
            "streams": streams if isinstance(streams, dict) else list(streams),
            "events": events,
            "batch": batch,
        }
    }


def bound(*constraints: int) -> list[dict[str, Any]]:
    return [{"constraint": constraint} for constraint in constraints]


TO_ALL: dict[str, Any] = {"constraint": None}


def test_a_frame_waits_for_its_virtual_worker() -> None:
    scan = Scan(uniform(6, batch=2))
    assert scan.come(0, 1, 2) == []
    assert scan.say(Bind(0, 1, ANN)) == [Given(ANN, EIGER, event) for event in (0, 1, 2)]
    assert scan.come(3, 4) == [Given(ANN, EIGER, 3)]
    assert scan.say(Bind(2, 2, BOB)) == [Given(BOB, EIGER, 4)]
    assert scan.come(5) == [Given(BOB, EIGER, 5)]


def test_an_event_waits_for_all_its_virtual_workers_and_counts_all_streams() -> None:
    document = {"eiger": [bound(0)], "pcap": [bound(1)], "other": [bound(0, 1, 2)], "none": [[]], "late": [None]}
    scan = Scan(document, (EIGER, PCAP))
    numbers = {scan.map.needs(0)[EIGER].virtual_workers[0]: ANN, scan.map.needs(0)[PCAP].virtual_workers[0]: BOB}
    scan.come(0)
    for virtual_worker, worker in numbers.items():
        assert scan.say(Bind(virtual_worker, virtual_worker, worker)) == []
    assert scan.come(0, stream=PCAP) == []
    (last,) = {0, 1, 2} - numbers.keys()
    assert scan.say(Bind(last, last, ANN)) == [Given(ANN, EIGER, 0, streams=2), Given(BOB, PCAP, 0, streams=2)]


def test_a_worker_that_is_several_virtual_workers_gets_a_frame_once() -> None:
    scan = Scan({"eiger": [bound(0, 1)], "pcap": [bound(1)]})
    scan.come(0)
    assert scan.say(Bind(0, 1, ANN)) == [Given(ANN, EIGER, 0, streams=2)]


def test_a_window_closes_and_opens() -> None:
    scan = Scan(uniform(9))
    scan.say(Window(ANN, 2), Bind(0, 8, ANN))
    assert scan.come(*range(9)) == [Given(ANN, EIGER, 0), Given(ANN, EIGER, 1)]
    scan.forwarding.done(ANN, [(0, 0, 0)])
    assert scan.due() == [Given(ANN, EIGER, 2)]
    assert scan.say(Window(ANN, 4)) == [Given(ANN, EIGER, 3), Given(ANN, EIGER, 4)]
    scan.forwarding.done(CAT, [(0, 9, 0)])
    assert scan.due() == []


def test_streams_have_their_own_lanes() -> None:
    scan = Scan(uniform(9, ("eiger", "pcap")), (EIGER, PCAP))
    scan.say(Window(ANN, 1), Bind(0, 8, ANN))
    assert scan.come(0, 1) == [Given(ANN, EIGER, 0, streams=2)]
    assert scan.come(0, 1, stream=PCAP) == [Given(ANN, PCAP, 0, streams=2)]
    scan.forwarding.done(ANN, [(0, 0, 0)])
    assert scan.due() == [Given(ANN, EIGER, 1, streams=2), Given(ANN, PCAP, 1, streams=2)]


def test_broadcasts_go_to_those_who_are_named() -> None:
    scan = Scan({"eiger": [[TO_ALL], [TO_ALL]]})
    assert scan.come(0) == []
    assert scan.say(Broadcast(0, (ANN, BOB))) == [Given(ANN, EIGER, 0), Given(BOB, EIGER, 0)]
    scan.say(Broadcast(1, (ANN,)))
    assert scan.come(1) == [Given(ANN, EIGER, 1)]
    assert scan.say(Broadcast(1, (BOB,))) == [Given(BOB, EIGER, 1)]


def test_a_worker_with_the_tags_of_a_broadcast_waits_to_be_named() -> None:
    scan = Scan({"eiger": [bound(0)], "pcap": [[TO_ALL]], "other": [[{"constraint": 1, "tags": ["gpu"]}]]})
    scan.forwarding.meet(CAT, frozenset({"gpu"}))
    scan.come(0)
    numbers = {scan.map.tags_of(v): v for v in range(2)}
    generic, gpu = numbers[GENERIC], numbers[frozenset({"gpu"})]
    assert scan.say(Bind(generic, generic, ANN), Broadcast(0, (BOB,))) == []
    assert scan.say(Bind(gpu, gpu, CAT)) == [], "Bob gets another ingester's stream alone"
    assert scan.say(Broadcast(0, (ANN,))) == [Given(ANN, EIGER, 0, streams=2)]


def test_a_worker_without_the_tags_of_a_broadcast_does_not_wait() -> None:
    scan = Scan({"eiger": [bound(0)], "pcap": [[{"constraint": None, "tags": ["gpu"]}]]})
    scan.come(0)
    assert scan.say(Bind(0, 0, ANN)) == [Given(ANN, EIGER, 0)]


def test_a_virtual_worker_is_bound_again() -> None:
    scan = Scan(uniform(8, batch=4))
    scan.say(Bind(0, 0, ANN))
    scan.come(0, 1, 2)
    again = Bind(0, 1, BOB, 5, skip=((0, 0), (5, 7)))
    assert scan.say(Fence(ANN), again) == [Given(BOB, EIGER, event, attempt=5) for event in (1, 2)]
    assert scan.come(3, 4, 5) == [Given(BOB, EIGER, event, attempt=5) for event in (3, 4)]


def test_a_lost_frame_is_lost_for_the_next_worker_too() -> None:
    scan = Scan(uniform(2, ("eiger", "pcap")))
    scan.forwarding.lose(EIGER, ((1, 1),))
    again = scan.say(Bind(0, 1, ANN), Fence(ANN), Bind(0, 1, BOB, 1))
    assert again == [Given(BOB, EIGER, 1, attempt=1, streams=2, lost=True)]


def test_an_attempt_is_the_streams_of_its_virtual_workers() -> None:
    scan = Scan({"eiger": [bound(0)], "pcap": [bound(1)], "other": [bound(0)]}, (EIGER, PCAP))
    eiger, pcap = (scan.map.needs(0)[stream].virtual_workers[0] for stream in (EIGER, PCAP))
    scan.say(Bind(eiger, eiger, ANN), Bind(pcap, pcap, BOB))
    scan.come(0)
    scan.come(0, stream=PCAP)
    assert scan.say(Fence(ANN), Bind(eiger, eiger, BOB, 1)) == [Given(BOB, EIGER, 0, attempt=1, streams=2)]


def test_a_solo_is_given_whatever_the_window() -> None:
    scan = Scan(uniform(3, batch=3))
    scan.say(Bind(0, 0, ANN), Window(BOB, 1))
    scan.come(0, 1)
    scan.say(Fence(ANN), Bind(0, 0, BOB, 1, skip=((1, 2),)))
    assert scan.say(Solo(1, BOB, 1), Solo(2, BOB, 1)) == [Given(BOB, EIGER, 1, attempt=1, solo=True)]
    assert scan.come(2) == [Given(BOB, EIGER, 2, attempt=1, solo=True)]


def test_a_solo_names_who_gets_a_broadcast() -> None:
    scan = Scan({"eiger": [[TO_ALL], [TO_ALL]]})
    scan.come(0)
    assert scan.say(Solo(0, ANN, 0), Solo(1, ANN, 0)) == [Given(ANN, EIGER, 0, solo=True)]
    assert scan.come(1) == [Given(ANN, EIGER, 1, solo=True)]


def test_a_fenced_worker_gets_nothing() -> None:
    scan = Scan(uniform(4))
    scan.say(Window(ANN, 1), Bind(0, 3, ANN))
    scan.come(0, 1)
    assert scan.say(Fence(ANN), Window(ANN, 9)) == []
    scan.forwarding.meet(ANN, GENERIC)
    scan.forwarding.done(ANN, [(0, 0, 0)])
    assert scan.come(2, 3) == []


def test_instructions_wait_for_the_worker() -> None:
    scan = Scan({"eiger": [bound(0), bound(1), [TO_ALL], bound(2)]})
    scan.come(0, 1, 2, 3)
    assert scan.say(Window(CAT, 9), Bind(0, 1, CAT), Broadcast(2, (ANN, CAT)), Bind(2, 2, BOB)) == [
        Given(ANN, EIGER, 2),
        Given(BOB, EIGER, 3),
    ]
    scan.forwarding.meet(CAT, GENERIC)
    assert scan.due() == [Given(CAT, EIGER, event) for event in (0, 1, 2)]


def test_a_worker_that_never_came_holds_nobody_up() -> None:
    scan = Scan({"eiger": [bound(0, 1)]})
    scan.come(0)
    assert scan.say(Bind(0, 0, CAT), Bind(1, 1, BOB)) == []
    assert scan.say(Fence(CAT)) == [Given(BOB, EIGER, 0)]
    assert scan.say(Bind(0, 0, ANN, 1)) == [Given(ANN, EIGER, 0, attempt=1)]


def test_a_hold_lasts_until_the_change_is_agreed_on() -> None:
    scan = Scan(uniform(6))
    scan.say(Bind(0, 5, ANN))
    scan.come(0, 1, 2)
    assert scan.forwarding.next_event == 3
    scan.say(Hold(1))
    assert scan.come(3, 4) == []
    assert scan.forwarding.next_event == 3
    assert scan.say(UseParameters(7, 4)) == [Given(ANN, EIGER, 3), Given(ANN, EIGER, 4, version=7)]
    assert scan.say(Fence(ANN), Bind(0, 5, BOB, 1)) == [
        Given(BOB, EIGER, event, attempt=1, version=7 if event > 3 else 0) for event in range(5)
    ]


def test_a_scan_begins_with_its_version() -> None:
    scan = Scan(uniform(1), version=3)
    scan.say(Bind(0, 0, ANN))
    assert scan.come(0) == [Given(ANN, EIGER, 0, version=3)]


def test_nothing_is_forwarded_after_the_end_but_the_end_event() -> None:
    scan = Scan(uniform(5, batch=5), wrap=True)
    scan.say(Window(ANN, 1), Bind(0, 0, ANN), Broadcast(0, (ANN,)))
    assert scan.come(0, 1, 2, 3) == [Given(ANN, EIGER, 0)]
    scan.forwarding.done(ANN, [(0, 0, 0)])
    assert scan.say(Hold(1), EndAt(2)) == [Given(ANN, EIGER, 1)]
    scan.forwarding.done(ANN, [(1, 1, 0)])
    assert scan.come(4) == []
    scan.come(6)
    assert scan.say(Broadcast(6, (ANN,))) == [Given(ANN, EIGER, 6)]


def test_what_is_missing_after_the_end_does_not_matter_but_the_end_event() -> None:
    scan = Scan(uniform(8), wrap=True)
    assert scan.forwarding.lose(EIGER, ((7, 7),)) == ((7, 7),)
    scan.say(EndAt(5))
    assert scan.forwarding.lose(EIGER, ((3, 6), (8, 8))) == ((3, 4),)
    assert scan.forwarding.lose(EIGER, ((8, 9),)) == ((9, 9),)
    assert scan.say(Broadcast(9, (ANN,)), Bind(2, 4, BOB)) == [
        Given(ANN, EIGER, 9, lost=True),
        *(Given(BOB, EIGER, event, lost=True) for event in (3, 4)),
    ]


def test_a_lost_frame_is_shared_as_such() -> None:
    scan = Scan(uniform(6, {"eiger": 2, "pcap": 1}))
    scan.say(Bind(0, 2, ANN))
    scan.come(0)
    assert scan.forwarding.lose(EIGER, ((1, 4),)) == ((1, 4),)
    assert scan.due() == [Given(ANN, EIGER, 2, streams=2, lost=True)]
    assert scan.say(Bind(3, 5, BOB)) == [Given(BOB, EIGER, 4, streams=2, lost=True)]


def test_millions_of_lost_frames_take_no_room() -> None:
    events = 10**12
    scan = Scan(uniform(events, batch=1000))
    scan.forwarding.lose(EIGER, ((10, events - 1),))
    assert len(scan.forwarding._kept[EIGER]) == LOST_AT_ONCE
    scan.say(Window(ANN, 10**6))
    assert len(scan.say(Bind(0, 9, ANN))) == LOST_AT_ONCE
    assert len(scan.say(Release(((0, 3999),)))) == 3990
    scan.say(Release(((4000, events - 1),)))
    assert not scan.forwarding._kept[EIGER]
    assert scan.forwarding.kept_bytes == 0


def test_released_frames_are_let_go() -> None:
    scan = Scan(uniform(9))
    scan.come(0, 1, 2)
    size = FRAME_OVERHEAD + 9
    assert scan.forwarding.kept_bytes == 3 * size
    assert scan.forwarding.frames(1) == {EIGER: frame(1)}
    scan.say(Release(((0, 1), (3, 3))))
    assert scan.forwarding.kept_bytes == size
    assert scan.forwarding.frames(1) == {}
    assert scan.come(3) == scan.say(Bind(0, 3, ANN))[1:] == []
    assert scan.forwarding.kept_bytes == size
    scan.say(Release(((0, 8),)))
    assert scan.forwarding.kept_bytes == 0


def test_the_first_broadcasts_are_kept_for_workers_that_join() -> None:
    size = FRAME_OVERHEAD + 9
    scan = Scan({"eiger": [[TO_ALL], [TO_ALL], bound(0), [TO_ALL]]}, broadcast_bytes=size)
    scan.come(0, 1, 2, 3)
    scan.say(Bind(0, 0, ANN), *(Broadcast(event, (ANN, BOB)) for event in (0, 1, 3)), Release(((0, 3),)))
    assert scan.forwarding.kept_bytes == 0
    scan.forwarding.meet(CAT, GENERIC)
    assert scan.say(Window(CAT, 9), *(Broadcast(event, (CAT,)) for event in (0, 1, 3))) == [
        Given(CAT, EIGER, 0),
        Given(CAT, EIGER, 1),
        Given(CAT, EIGER, 3, lost=True),
    ]
    assert scan.say(Release(((0, 3),))) == []
    assert scan.forwarding.kept_bytes == 0


def test_the_streams_that_the_lowest_event_waits_for_are_wanted() -> None:
    scan = Scan(uniform(9, {"eiger": 1, "pcap": 2}), (EIGER, PCAP))
    scan.come(0, 1, 2, 3)
    assert scan.forwarding.most_wanted() == [PCAP]
    scan.come(0, stream=PCAP)
    assert scan.forwarding.most_wanted() == []
    scan.say(Bind(0, 8, ANN), Release(((0, 0),)))
    assert scan.forwarding.most_wanted() == []
    scan.say(Release(((1, 1),)))
    assert scan.forwarding.most_wanted() == [PCAP]


def test_of_what_a_worker_gets_of_an_event_the_stream_with_most_frames_leads() -> None:
    first, second = ([{"tags": ["generic"], "constraint": number}] for number in range(2))
    scan = Scan({"pcap": [first, None], "xrd": [first, None], "eiger": [second, second]}, (EIGER, PCAP, XRD))

    def leaders(worker: str, attempt: int = 0) -> list[str]:
        share = Share(0, attempt, 2, False, None)
        return [stream for stream in ("pcap", "xrd", "eiger") if scan.forwarding.leads(worker, stream, share)]

    scan.say(Bind(0, 0, BOB), Bind(1, 1, ANN))
    assert (leaders(ANN), leaders(BOB)) == (["eiger"], ["pcap"])
    scan.say(Bind(0, 1, ANN, 1))
    assert leaders(ANN, 1) == ["eiger"]
    scan.say(Bind(0, 0, ANN, 2))
    assert leaders(ANN, 2) == ["pcap"]


@pytest.mark.parametrize("batch", [1, 7, 5000])
def test_memory_does_not_grow_with_the_scan(batch: int) -> None:
    events = 5000
    scan = Scan(uniform(events, batch=batch), wrap=True)
    forwarding = scan.forwarding
    scan.come(0)
    scan.say(Broadcast(0, (ANN, BOB)))
    for event in range(1, events + 1):
        virtual_worker = (event - 1) // batch
        if (event - 1) % batch == 0:
            forwarding.handle(Bind(virtual_worker, virtual_worker, (ANN, BOB)[event % 2]))
        (given,) = scan.come(event)
        forwarding.done(given.worker, [(event, event, 0)])
        forwarding.handle(Release(((event, event),)))
        assert len(forwarding._bindings.first) <= 1
        assert len(forwarding._kept[EIGER]) == 1
        assert not forwarding._unbound[EIGER]
        assert len(list(forwarding._released)) <= 1
