"""Shares become whole parts of events: each once, with all its streams, and the header packets first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dranspose.dataplane.joining import Joiner, Part
from dranspose.dataplane.wire import Share, Shares
from dranspose.event import StreamData


def shares(stream: str, *content: Share, version: int = 0) -> Shares:
    return Shares(b"scan", stream, version, list(content))


def share(event: int, streams: int = 1, *, attempt: int = 0, solo: bool = False, lost: bool = False) -> Share:
    return Share(event, attempt, streams, solo, None if lost else StreamData("T", [b"%d" % event]))


def streams_of(part: Part) -> list[str] | None:
    return None if part.event is None else sorted(part.event.streams)


def test_a_single_stream_makes_events_at_once() -> None:
    one, two = Joiner().add(shares("x", share(1), share(2, solo=True), version=3))
    assert one[:4] == (1, 0, 3, False)
    assert two[:4] == (2, 0, 3, True)
    assert one.event is not None
    assert one.event.event_number == 1
    assert one.event.streams == {"x": StreamData("T", [b"1"])}


def test_an_event_is_whole_with_its_last_stream() -> None:
    joiner = Joiner()
    assert joiner.add(shares("x", share(5, 3), share(6, 3))) == []
    assert joiner.add(shares("y", share(6, 3), share(5, 3))) == []
    first, second = joiner.add(shares("z", share(6, 3), share(5, 3)))
    assert [(part.number, streams_of(part)) for part in (first, second)] == [(6, ["x", "y", "z"]), (5, ["x", "y", "z"])]


def test_an_event_is_a_tick_whichever_stream_says_so() -> None:
    joiner = Joiner()
    assert [part.tick for part in joiner.add(replace(shares("x", share(1), share(2)), ticks=(2,)))] == [False, True]
    assert joiner.add(replace(shares("x", share(5, 2), share(6, 2)), ticks=(5,))) == []
    assert [(part.number, part.tick) for part in joiner.add(shares("y", share(5, 2), share(6, 2)))] == [
        (5, True),
        (6, False),
    ]
    assert joiner.add(shares("y", share(5, 2, attempt=3))) == []
    assert [part.tick for part in joiner.add(shares("x", share(5, 2, attempt=3)))] == [False]


def test_attempts_of_an_event_are_apart() -> None:
    joiner = Joiner()
    assert joiner.add(shares("x", share(5, 2), share(5, 2, attempt=7))) == []
    (part,) = joiner.add(shares("y", share(5, 2, attempt=7)))
    assert (part.number, part.attempt) == (5, 7)


def test_a_lost_stream_is_left_out_and_an_event_with_nothing_left_has_no_frames() -> None:
    joiner = Joiner()
    joiner.add(shares("x", share(1, 2, lost=True), share(2, 2, lost=True)))
    one, two, three = joiner.add(shares("y", share(1, 2), share(2, 2, lost=True), share(3, lost=True)))
    assert [streams_of(part) for part in (one, two, three)] == [["y"], None, None]


def test_nothing_overtakes_the_header_packets() -> None:
    joiner = Joiner()
    assert joiner.add(shares("x", share(0, 2), share(1))) == []
    assert joiner.add(shares("x", share(2))) == []
    assert [part.number for part in joiner.add(shares("y", share(3), share(0, 2), share(4)))] == [0, 1, 2, 3, 4]
    assert [part.number for part in joiner.add(shares("x", share(5)))] == [5]


STREAMS = "abc"


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[dict[tuple[int, int], set[str]], list[Shares]]:
    """Make what a worker gets, and the order in which it comes: each stream in one of its own, the streams mixed."""
    needs = draw(
        st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 1)), st.sets(st.sampled_from(STREAMS), min_size=1))
    )
    lanes: dict[str, Iterator[tuple[int, int]]] = {
        stream: iter(draw(st.permutations([key for key, streams in needs.items() if stream in streams])))
        for stream in STREAMS
    }
    turns = draw(st.permutations([stream for streams in needs.values() for stream in streams]))
    messages = []
    for stream in turns:
        event, attempt = next(lanes[stream])
        messages.append(shares(stream, share(event, len(needs[event, attempt]), attempt=attempt)))
    return needs, messages


@given(arrivals())
def test_each_part_comes_once_and_whole_and_the_first_event_first(
    case: tuple[dict[tuple[int, int], set[str]], list[Shares]],
) -> None:
    needs, messages = case
    joiner = Joiner()
    parts: list[Part] = []
    first_begun = False
    for message in messages:
        whole = joiner.add(message)
        if first_begun and not any(part[:2] == (0, 0) for part in parts) and whole:
            assert whole[0][:2] == (0, 0)
        first_begun |= message.shares[0][:2] == (0, 0)
        parts += whole
    assert {(part.number, part.attempt): set(streams_of(part) or ()) for part in parts} == needs
    assert len(parts) == len(needs)
