"""Inputs are merged into events, and each packet of an event goes to the workers that would have it live."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.stins_messages import end, image, message, packet, series, start

from dranspose.dealing import deal, merge
from dranspose.event import EventData, InternalWorkerMessage, JoinError, StreamData

Dealt = list[list[tuple[int, EventData]]]


def numbered(stream: str, *numbers: int) -> list[InternalWorkerMessage]:
    return [message(number, **{stream: StreamData("x", [b"%d" % i])}) for i, number in enumerate(numbers)]


def merged(*inputs: Sequence[InternalWorkerMessage]) -> list[tuple[int, int, str]]:
    """Return scan, number and streams of each event."""
    return [
        (scan, event.event_number, "".join(sorted(event.streams)))
        for scan, event in merge(iter(messages) for messages in inputs)
    ]


def dealt(*inputs: Sequence[InternalWorkerMessage], workers: int = 2, broadcast: bool = True) -> Dealt:
    return list(deal(merge(iter(messages) for messages in inputs), workers, broadcast=broadcast))


def shown(shares: Dealt) -> list[str]:
    """Return what each event becomes, such as ``3: 0ab 1a`` for streams a and b to worker 0 and a to worker 1."""
    return [
        f"{events[0][1].event_number}: " + " ".join(f"{worker}{''.join(event.streams)}" for worker, event in events)
        for events in shares
    ]


# --- merging


def test_one_input_is_a_sequence_of_events() -> None:
    assert merged(numbered("a", 0, 1, 2)) == [(0, 0, "a"), (0, 1, "a"), (0, 2, "a")]


def test_no_input_and_an_empty_input_have_no_events() -> None:
    assert merged() == []
    assert merged([], numbered("a", 0)) == [(0, 0, "a")]


def test_the_messages_for_one_number_are_one_event() -> None:
    first, second = numbered("a", 0, 1), numbered("b", 0, 1)
    assert merged(first, second) == [(0, 0, "ab"), (0, 1, "ab")]
    assert [event.streams["a"].frames for _, event in merge([iter(second), iter(first)])] == [[b"0"], [b"1"]]


def test_inputs_may_begin_late_leave_out_numbers_and_end_early() -> None:
    assert merged(numbered("a", 0, 1, 2, 4), numbered("b", 1, 4, 5), numbered("c", 0)) == [
        (0, 0, "ac"),
        (0, 1, "ab"),
        (0, 2, "a"),
        (0, 4, "ab"),
        (0, 5, "b"),
    ]


def test_a_repeated_number_is_an_event_of_its_own() -> None:
    assert merged(numbered("a", 0, 1, 1), numbered("b", 0, 1)) == [(0, 0, "ab"), (0, 1, "ab"), (0, 1, "a")]
    assert merged(numbered("a", 0, 1, 1), numbered("b", 0, 1, 1)) == [(0, 0, "ab"), (0, 1, "ab"), (0, 1, "ab")]


def test_scans_follow_each_other_where_the_numbers_begin_again() -> None:
    assert merged(numbered("a", 0, 1, 2, 0, 1), numbered("b", 0, 1, 0, 1, 2)) == [
        (0, 0, "ab"),
        (0, 1, "ab"),
        (0, 2, "a"),
        (1, 0, "ab"),
        (1, 1, "ab"),
        (1, 2, "b"),
    ]


def test_numbers_out_of_order_are_neither_lost_nor_another_scan() -> None:
    assert Counter(merged(numbered("a", 0, 2, 1, 3))) == Counter([(0, 0, "a"), (0, 1, "a"), (0, 2, "a"), (0, 3, "a")])


def test_one_stream_in_two_inputs_is_an_error() -> None:
    with pytest.raises(JoinError, match="event 2: stream 'a' comes from two inputs"):
        merged(numbered("a", 0, 2), numbered("a", 1, 2))


def test_a_stream_may_go_on_in_another_input() -> None:
    assert merged(numbered("a", 0, 1), numbered("a", 2, 3)) == [(0, 0, "a"), (0, 1, "a"), (0, 2, "a"), (0, 3, "a")]


# --- dealing


def test_start_and_end_go_to_all_and_images_to_one_in_turn() -> None:
    assert shown(dealt(series(4, "x"))) == ["0: 0x 1x", "1: 0x", "2: 1x", "3: 0x", "4: 1x", "5: 0x 1x"]


def test_without_broadcast_every_packet_goes_to_one_worker() -> None:
    assert shown(dealt(series(2, "x"), broadcast=False)) == ["0: 0x", "1: 1x", "2: 0x", "3: 1x"]


def test_one_worker_gets_everything() -> None:
    assert shown(dealt(series(2, "x"), workers=1)) == ["0: 0x", "1: 0x", "2: 0x", "3: 0x"]


def test_the_first_packet_of_a_late_stream_goes_to_all() -> None:
    late = [start(2, "b"), image(3, "b"), end(4, "b")]
    assert shown(dealt(series(3, "a"), late, workers=3)) == [
        "0: 0a 1a 2a",
        "1: 0a",
        "2: 1ab 0b 2b",
        "3: 2ab",
        "4: 0ab 1ab 2ab",
    ]


def test_an_image_at_the_end_of_a_cut_capture_goes_to_one() -> None:
    assert shown(dealt(series(3, "a")[:-1])) == ["0: 0a 1a", "1: 0a", "2: 1a", "3: 0a"]
    cut = [*series(2, "b")[:-1], image(3, "b")]
    assert shown(dealt(series(2, "a"), cut))[-1] == "3: 0ab 1a"


def test_an_end_that_has_the_number_of_the_last_image_goes_to_all() -> None:
    assert shown(dealt([start(0, "a"), image(1, "a"), end(1, "a")])) == ["0: 0a 1a", "1: 0a", "1: 0a 1a"]


def test_each_scan_has_its_start_and_end() -> None:
    assert shown(dealt(series(1, "a") + series(2, "a"))) == [
        "0: 0a 1a",
        "1: 0a",
        "2: 0a 1a",
        "0: 0a 1a",
        "1: 1a",
        "2: 0a",
        "3: 0a 1a",
    ]


def test_an_event_without_streams_goes_to_one_worker() -> None:
    assert shown(dealt([start(0, "a"), message(1), end(2, "a")]))[1] == "1: 0"


def test_a_worker_cannot_change_what_another_one_gets() -> None:
    together = [message(0, a=packet({}, 0), b=packet({}, 0)), image(1, "a"), end(2, "a")]
    for (_, first), (_, second) in (dealt(together)[0], dealt(together)[2]):
        assert first == second
        first.streams["a"].frames.clear()
        assert second.streams.pop("a").frames
        assert "a" in first.streams


def test_dealing_is_the_same_every_time() -> None:
    inputs = series(9, "a"), series(7, "b"), [start(3, "c"), image(5, "c")]
    assert dealt(*inputs, workers=3) == dealt(*inputs, workers=3)


Scan = dict[str, list[InternalWorkerMessage]]


@st.composite
def scans(draw: st.DrawFn) -> list[Scan]:
    """Return scans of some streams, each with a start, images in some of the events, and an end in the last event.

    The pixels of an image are scan, stream and event.
    """
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True))
    made = []
    for scan in range(draw(st.integers(1, 3))):
        last = draw(st.integers(2, 8))
        streams = {}
        for name in names:
            first = draw(st.integers(0, last - 1)) if name != names[0] else 0
            within = draw(st.sets(st.integers(first + 1, last - 1))) if first + 1 < last else set()
            images = [image(i, name, b"%d %s %d" % (scan, name.encode(), i)) for i in sorted(within)]
            streams[name] = [start(first, name), *images, end(last, name)]
        made.append(streams)
    return made


def files(made: list[Scan]) -> list[list[InternalWorkerMessage]]:
    """Return the messages of each stream, all scans in one file; number 0 is where another scan begins."""
    content: dict[str, list[InternalWorkerMessage]] = {name: [] for name in made[0]}
    for scan in made:
        for name, messages in scan.items():
            content[name] += messages if messages[0].event_number == 0 else [message(0), *messages]
    return list(content.values())


def frames(one: InternalWorkerMessage) -> list[bytes]:
    (stream,) = one.streams.values()
    return [bytes(frame) for frame in stream.frames]


@given(scans(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_images_are_dealt_once_and_starts_and_ends_to_all(
    made: list[Scan], workers: int, chance: random.Random
) -> None:
    inputs = files(made)
    chance.shuffle(inputs)
    recipients: dict[tuple[str, bytes], list[int]] = {}
    for events in dealt(*inputs, workers=workers):
        for worker, event in events:
            for name, stream in event.streams.items():
                recipients.setdefault((name, stream.frames[-1]), []).append(worker)

    for (name, content), those in recipients.items():
        if b"htype" in content:  # equal in the scans in which it has the same number
            times = sum(content == frames(m)[-1] for scan in made for m in scan[name])
            assert sorted(those) == sorted([*range(workers)] * times)
        else:
            assert len(those) == 1
    assert recipients.keys() == {(name, frames(m)[-1]) for scan in made for name in scan for m in scan[name]}


@given(scans(), st.integers(2, 4))
def test_events_come_whole_in_order_and_to_the_workers_in_turn(made: list[Scan], workers: int) -> None:
    shares = dealt(*files(made), workers=workers)
    expected = [
        (number, {name for name, messages in scan.items() if number in {m.event_number for m in messages}})
        for scan in made
        for number in sorted({0, *(m.event_number for messages in scan.values() for m in messages)})
    ]
    assert [(events[0][1].event_number, set(events[0][1].streams)) for events in shares] == expected
    chosen = [events[0][0] for events in shares if len(events) < workers or events[0][1] != events[1][1]]
    assert chosen == [i % workers for i in range(len(chosen))]
