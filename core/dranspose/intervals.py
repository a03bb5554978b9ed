"""Sets of whole numbers that are kept as ranges: a million consecutive numbers take no more room than one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Range: TypeAlias = tuple[int, int]
"""The first and the last of consecutive numbers."""


def ranges_of(numbers: Sequence[int] | npt.NDArray[np.signedinteger[Any]]) -> list[Range]:
    """Return the ranges that ascending numbers make."""
    if isinstance(numbers, range) and numbers.step == 1:
        return [(numbers.start, numbers.stop - 1)] if numbers else []
    if len(numbers) == 0:
        return []
    if numbers[-1] - numbers[0] == len(numbers) - 1:  # the usual case, and the fastest
        return [(int(numbers[0]), int(numbers[-1]))]
    array = np.asarray(numbers, np.int64)
    breaks = np.flatnonzero(np.diff(array) != 1)
    firsts, lasts = array[np.append(0, breaks + 1)], array[np.append(breaks, len(array) - 1)]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


class IntervalSet:
    """A set of whole numbers; iterates over its ranges, ascending, as few as possible."""

    __slots__ = ("_bounds",)

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        # For each range its first number and the one after its last: those at even places begin, at odd places end.
        self._bounds: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int) -> None:
        """Add the numbers first..last."""
        if first > last:
            return
        bounds, stop = self._bounds, last + 1
        if not bounds or bounds[-1] < first:  # this and the next are the usual cases, and the fastest
            bounds += (first, stop)
            return
        if bounds[-1] == first:
            bounds[-1] = stop
            return
        i, j = bisect_left(bounds, first), bisect_right(bounds, stop)
        if i & 1:
            bounds[i:j] = () if j & 1 else (stop,)
        else:
            bounds[i:j] = (first,) if j & 1 else (first, stop)

    def take(self, first: int, last: int) -> list[Range]:
        """Remove the numbers first..last; return the ranges that were in the set."""
        bounds, stop = self._bounds, last + 1
        i = bisect_left(bounds, first)
        if not i & 1 and i < len(bounds) and bounds[i] == first < stop <= bounds[i + 1]:  # the usual case
            if stop == bounds[i + 1]:
                del bounds[i : i + 2]
            else:
                bounds[i] = stop
            return [(first, last)]
        taken = self._pieces(first, last, inside=1)
        if taken:
            j = bisect_right(bounds, stop, i)
            if i & 1:
                bounds[i:j] = (first, stop) if j & 1 else (first,)
            else:
                bounds[i:j] = (stop,) if j & 1 else ()
        return taken

    def overlap(self, first: int, last: int) -> list[Range]:
        """Return the ranges that are both in the set and in first..last."""
        return self._pieces(first, last, inside=1)

    def gaps(self, first: int, last: int) -> list[Range]:
        """Return the ranges in first..last that are not in the set."""
        return self._pieces(first, last, inside=0)

    def _pieces(self, first: int, last: int, inside: int) -> list[Range]:
        if first > last:
            return []
        bounds, stop = self._bounds, last + 1
        i, j = bisect_right(bounds, first), bisect_left(bounds, stop)
        if i == j:  # the usual case
            return [(first, last)] if i & 1 == inside else []
        pieces = bounds[i:j]
        if i & 1 == inside:
            pieces.insert(0, first)
        if j & 1 == inside:
            pieces.append(stop)
        return [(pieces[k], pieces[k + 1] - 1) for k in range(0, len(pieces), 2)]

    def count_below(self, number: int) -> int:
        """Return how many numbers of the set are lower than this one."""
        bounds = self._bounds
        i = bisect_left(bounds, number)
        count = sum(bounds[1:i:2]) - sum(bounds[0:i:2])
        return count + number if i & 1 else count

    @property
    def size(self) -> int:
        """How many numbers are in the set."""
        return sum(self._bounds[1::2]) - sum(self._bounds[::2])

    def next_gap(self, number: int) -> int:
        """Return the lowest number from this one on that is not in the set."""
        bounds = self._bounds
        i = bisect_right(bounds, number)
        return bounds[i] if i & 1 else number

    def __contains__(self, number: int) -> bool:
        return bool(bisect_right(self._bounds, number) & 1)

    def __iter__(self) -> Iterator[Range]:
        bounds = self._bounds
        for k in range(0, len(bounds), 2):
            yield bounds[k], bounds[k + 1] - 1

    def __bool__(self) -> bool:
        return bool(self._bounds)

    def __repr__(self) -> str:
        return f"IntervalSet({list(self)})"
