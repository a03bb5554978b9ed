"""A lane: what one worker gets of one stream, in the order of events and as far as its window reaches."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping, MutableSequence
from typing import NamedTuple

from dranspose.dataplane.wire import Share
from dranspose.event import StreamData
from dranspose.protocol import StreamName

FIRST_WINDOW = 2
SHARES_AT_ONCE = 1000
BYTES_AT_ONCE = 2**20
BYTES_IN_HAND = 2**26
"""A worker with so much of a stream in hand gets no more of it, however many events its window has room for."""


class Kept(NamedTuple):
    """A frame, None if it is lost, and how many bytes it has."""

    data: StreamData | None
    size: int


Entry = tuple[int, int, int]
"""A frame's event and attempt, and how many streams the worker gets of the event in this attempt."""


class Lane:
    """What one worker gets of one stream.

    Attributes:
        worker: who gets it.
        stream: what it is of.
        window: an event is given to the worker if it has fewer lower ones than this in hand, and less than
            `BYTES_IN_HAND` or no lower one.
    """

    def __init__(self, worker: str, stream: StreamName, window: int = FIRST_WINDOW) -> None:
        self.worker = worker
        self.stream = stream
        self.window = window
        self._waiting: deque[Entry] = deque()  # ascending
        self._alone: deque[Entry] = deque()  # those that do not wait for the window
        self._in_hand: list[tuple[int, int, int]] = []  # event, attempt and bytes, ascending
        self._bytes_in_hand = 0

    def add(self, event: int, attempt: int, streams: int) -> None:
        """Put a frame into its place in the lane."""
        _insert(self._waiting, (event, attempt, streams))

    def add_alone(self, event: int, attempt: int, streams: int) -> None:
        """Put a frame before all others."""
        self._alone.append((event, attempt, streams))

    def give(self, kept: Mapping[int, Kept]) -> list[Share]:
        """Return what the worker is given now, at most about `BYTES_AT_ONCE`; what is not kept any more is left out."""
        shares: list[Share] = []
        waiting, in_hand = self._waiting, self._in_hand
        while self._alone:
            event, attempt, streams = self._alone.popleft()
            if frame := kept.get(event):
                shares.append(Share(event, attempt, streams, True, frame.data))
                self._take_in_hand(event, attempt, frame.size)
        size = 0
        while waiting and size < BYTES_AT_ONCE and len(shares) < SHARES_AT_ONCE:
            event, attempt, streams = waiting[0]
            if len(in_hand) >= self.window and bisect_left(in_hand, (event,)) >= self.window:
                break
            if self._bytes_in_hand >= BYTES_IN_HAND and in_hand[0][0] < event:
                break
            waiting.popleft()
            if frame := kept.get(event):
                shares.append(Share(event, attempt, streams, False, frame.data))
                size += frame.size
                self._take_in_hand(event, attempt, frame.size)
        return shares

    def done(self, first: int, last: int, attempt: int) -> None:
        """Take note that the worker is done with the events first..last in an attempt."""
        in_hand = self._in_hand
        begin, end = bisect_left(in_hand, (first,)), bisect_left(in_hand, (last + 1,))
        self._bytes_in_hand -= sum(size for _, of, size in in_hand[begin:end] if of == attempt)
        in_hand[begin:end] = [entry for entry in in_hand[begin:end] if entry[1] != attempt]

    def leave_out(self, first: int, stop: int) -> None:
        """Do not give the events first..stop-1 any more."""
        for entries in (self._waiting, self._alone):
            stay = [entry for entry in entries if not first <= entry[0] < stop]
            entries.clear()
            entries.extend(stay)

    def _take_in_hand(self, event: int, attempt: int, size: int) -> None:
        _insert(self._in_hand, (event, attempt, size))
        self._bytes_in_hand += size


def _insert(entries: MutableSequence[tuple[int, int, int]], entry: tuple[int, int, int]) -> None:
    if not entries or entries[-1] < entry:  # the usual case, and the fastest
        entries.append(entry)
    else:
        insort(entries, entry)
