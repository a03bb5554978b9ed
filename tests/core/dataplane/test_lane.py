"""A lane gives a worker what its window allows, in the order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dranspose.dataplane import lane as lanes
from dranspose.dataplane.lane import Kept, Lane
from dranspose.dataplane.wire import Share
from dranspose.event import StreamData
from dranspose.protocol import StreamName

KEPT = {event: Kept(StreamData("STINS", [b"%d" % event]), 1) for event in range(10_000)}


def lane(window: int) -> Lane:
    return Lane("worker", StreamName("eiger"), window)


def events(shares: list[Share]) -> list[int]:
    return [share.event for share in shares]


def test_as_many_lower_events_as_the_window_are_in_hand() -> None:
    eiger = lane(2)
    for event in (3, 4, 5, 6, 7):
        eiger.add(event, 0, 1)
    assert events(eiger.give(KEPT)) == [3, 4]
    assert eiger.give(KEPT) == []
    eiger.done(3, 3, 0)
    assert events(eiger.give(KEPT)) == [5]
    eiger.done(0, 9, 0)
    eiger.window = 1
    assert events(eiger.give(KEPT)) == [6]


def test_a_low_event_is_given_whatever_higher_ones_are_in_hand() -> None:
    eiger = lane(2)
    for event in (8, 9):
        eiger.add(event, 0, 1)
    assert events(eiger.give(KEPT)) == [8, 9]
    for event in (10, 5, 4, 6):
        eiger.add(event, 1, 1)
    assert events(eiger.give(KEPT)) == [4, 5]
    eiger.done(4, 4, 0)
    assert eiger.give(KEPT) == [], "it was done with another attempt"
    eiger.done(4, 4, 1)
    assert events(eiger.give(KEPT)) == [6]


def test_a_worker_with_many_bytes_in_hand_gets_only_what_is_lower() -> None:
    half = {event: Kept(frame.data, lanes.BYTES_IN_HAND // 2) for event, frame in KEPT.items()}
    eiger = lane(1000)
    for event in (4, 5, 6):
        eiger.add(event, 0, 1)
    assert [events(eiger.give(half)) for _ in range(3)] == [[4], [5], []]
    eiger.add(3, 0, 1)
    assert events(eiger.give(half)) == [3], "the lowest event of all may always be forwarded"
    assert eiger.give(half) == []
    eiger.done(3, 5, 0)
    assert events(eiger.give(half)) == [6]


def test_what_is_given_alone_is_marked_and_waits_for_no_window() -> None:
    eiger = lane(1)
    eiger.add(1, 0, 1)
    eiger.add(2, 0, 1)
    eiger.add_alone(7, 3, 2)
    data = [KEPT[event].data for event in (7, 1)]
    assert eiger.give(KEPT) == [Share(7, 3, 2, True, data[0]), Share(1, 0, 1, False, data[1])]
    assert eiger.give(KEPT) == []
    eiger.add_alone(8, 3, 2)
    assert events(eiger.give(KEPT)) == [8]


def test_what_is_not_kept_any_more_is_not_given() -> None:
    eiger = lane(1)
    eiger.add(1, 0, 1)
    eiger.add(2, 0, 1)
    eiger.add_alone(3, 1, 1)
    assert events(eiger.give({2: KEPT[2]})) == [2]


def test_events_are_left_out() -> None:
    eiger = lane(10)
    for event in range(5):
        eiger.add(event, 0, 1)
    eiger.add_alone(2, 1, 1)
    eiger.add_alone(4, 1, 1)
    eiger.leave_out(2, 4)
    assert events(eiger.give(KEPT)) == [4, 0, 1, 4]


def test_messages_are_neither_too_long_nor_too_large() -> None:
    eiger = lane(100_000)
    for event in range(2500):
        eiger.add(event, 0, 1)
    assert [len(eiger.give(KEPT)) for _ in range(4)] == [1000, 1000, 500, 0]
    large = {event: Kept(KEPT[event].data, lanes.BYTES_AT_ONCE // 2) for event in range(3)}
    for event in range(3):
        eiger.add(event, 1, 1)
    assert [len(eiger.give(large)) for _ in range(3)] == [2, 1, 0]


@given(
    window=st.integers(1, 4),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 12), st.integers(0, 2)), max_size=60),
)
def test_it_gives_what_the_rule_allows(window: int, steps: list[tuple[bool, int, int]]) -> None:
    eiger = lane(window)
    waiting: list[tuple[int, int]] = []
    in_hand: set[tuple[int, int]] = set()
    seen: set[tuple[int, int]] = set()
    for comes, event, attempt in steps:
        if comes and (event, attempt) not in seen:
            seen.add((event, attempt))
            waiting.append((event, attempt))
            eiger.add(event, attempt, 1)
        elif not comes:
            in_hand = {(e, a) for e, a in in_hand if a != attempt or not event <= e <= event + 2}
            eiger.done(event, event + 2, attempt)
        given = []
        for entry in sorted(waiting):
            if sum(e < entry[0] for e, _ in in_hand) >= window:
                break
            given.append(entry)
            in_hand.add(entry)
            waiting.remove(entry)
        assert [(share.event, share.attempt) for share in eiger.give(KEPT)] == given
