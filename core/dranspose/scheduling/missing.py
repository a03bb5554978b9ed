"""Missing frames: which events are left without any."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dranspose.intervals import IntervalSet, Range, ranges_of
from dranspose.protocol import StreamName
from dranspose.triggermap import TriggerMap

_AT_ONCE = 65536
"""How many events are looked at together."""


class MissingFrames:
    """The frames of each stream that will not come; false if there are none."""

    def __init__(self, trigger_map: TriggerMap) -> None:
        self._map = trigger_map
        self._missing: dict[StreamName, IntervalSet] = {}

    def add(self, stream: StreamName, first: int, last: int) -> list[Range]:
        """Add the frames of a stream in the events first..last; return which of them are new."""
        missing = self._missing.setdefault(stream, IntervalSet())
        new = missing.gaps(first, last)
        missing.add(first, last)
        return new

    def is_missing(self, stream: StreamName, event: int) -> bool:
        """Tell whether the frame of a stream in an event will not come."""
        return stream in self._missing and event in self._missing[stream]

    def without_frames(self, first: int, last: int) -> list[Range]:
        """Return of which of the events first..last all frames that are for someone are missing."""
        affected = IntervalSet()
        for missing in self._missing.values():
            for piece in missing.overlap(first, last):
                affected.add(*piece)
        found = IntervalSet()
        for piece in affected:
            for begin, end, streams in self._map.stretches(*piece):
                candidates = self._all_missing([stream for stream, always in streams.items() if always], begin, end)
                for whole in self._all_missing(streams, begin, end) if streams else ():
                    found.add(*whole)
                    candidates.take(*whole)
                for first, last in candidates:
                    for start in range(first, last + 1, _AT_ONCE):
                        for found_piece in self._without_frames(start, min(start + _AT_ONCE, last + 1)):
                            found.add(*found_piece)
        return list(found)

    def _all_missing(self, streams: Iterable[StreamName], first: int, last: int) -> IntervalSet:
        """Return in which of the events first..last none of the streams has a frame that comes."""
        left = IntervalSet([(first, last)])
        for stream in streams:
            for gap in self._missing.get(stream, IntervalSet()).gaps(first, last):
                left.take(*gap)
        return left

    def _without_frames(self, first: int, stop: int) -> list[Range]:
        wanted, coming = np.zeros(stop - first, bool), np.zeros(stop - first, bool)
        for stream in self._map.streams:
            events, offsets, _ = self._map.routes(first, stop, stream)
            frames = np.zeros(stop - first, bool)
            frames[events[np.diff(offsets) > 0] - first] = True
            wanted |= frames
            if stream in self._missing:
                for begin, end in self._missing[stream].overlap(first, stop - 1):
                    frames[begin - first : end + 1 - first] = False
            coming |= frames
        return ranges_of(first + np.flatnonzero(wanted & ~coming))

    def __bool__(self) -> bool:
        return bool(self._missing)
