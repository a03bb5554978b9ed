"""An interval set is a set, in as few ranges as can be."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.intervals import IntervalSet, Range, ranges_of

NUMBERS = st.integers(0, 30)
PIECES = st.tuples(NUMBERS, NUMBERS)  # some of them backwards: empty


def members(ranges: list[Range]) -> list[int]:
    return [number for first, last in ranges for number in range(first, last + 1)]


@given(st.lists(st.tuples(st.sampled_from(["add", "take"]), NUMBERS, NUMBERS), max_size=20), NUMBERS, NUMBERS)
def test_an_interval_set_is_a_set(steps: list[tuple[str, int, int]], first: int, last: int) -> None:
    events, model = IntervalSet(), set[int]()
    for action, begin, end in steps:
        piece = set(range(begin, end + 1))
        if action == "add":
            events.add(begin, end)
            model |= piece
        else:
            assert members(events.take(begin, end)) == sorted(model & piece)
            model -= piece
        assert list(events) == ranges_of(sorted(model))

    asked = set(range(first, last + 1))
    assert members(events.overlap(first, last)) == sorted(model & asked)
    assert members(events.gaps(first, last)) == sorted(asked - model)
    assert events.count_below(first) == len([number for number in model if number < first])
    assert events.size == len(model)
    assert events.next_gap(first) == min(set(range(first, 32)) - model)
    assert [number for number in range(-1, 32) if number in events] == sorted(model)
    assert bool(events) == bool(model)
    assert list(IntervalSet(events)) == list(events)


@given(st.lists(PIECES))
def test_ranges_are_as_few_as_can_be(pieces: list[Range]) -> None:
    ranges = list(IntervalSet(pieces))
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(ranges))
    assert set(members(ranges)) == set(members(pieces))


@pytest.mark.parametrize("as_numbers", [list, np.array])
def test_ranges_of_numbers(as_numbers: type) -> None:
    assert ranges_of(as_numbers([2, 3, 4, 7, 9, 10])) == [(2, 4), (7, 7), (9, 10)]
    assert ranges_of(as_numbers([])) == []


def test_ranges_of_a_range_of_any_size() -> None:
    assert ranges_of(range(5, 10**15)) == [(5, 10**15 - 1)]
    assert ranges_of(range(5, 5)) == []
    assert ranges_of(range(0, 6, 2)) == [(0, 0), (2, 2), (4, 4)]


def test_a_set_shows_its_ranges() -> None:
    assert repr(IntervalSet([(1, 3), (4, 5), (9, 9)])) == "IntervalSet([(1, 5), (9, 9)])"
