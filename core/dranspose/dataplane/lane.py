"""A lane: what one worker gets of one stream, in the order of events and as far as its window reaches."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from dranspose.dataplane.wire import Share
from dranspose.event import StreamData
from dranspose.protocol import StreamName

FIRST_WINDOW = 2
SHARES_AT_ONCE = 1000
BYTES_AT_ONCE = 2**20


class Kept(NamedTuple):
    """A frame, None if it is lost, and how many bytes it has."""

    data: StreamData | None
    size: int


class Lane:
    """What one worker gets of one stream.

    Attributes:
        worker: who gets it.
        stream: what it is of.
        window: an event is given to the worker if it has fewer lower ones than this in hand.
    """

    def __init__(self, worker: str, stream: StreamName, window: int = FIRST_WINDOW) -> None:
        self.worker = worker
        self.stream = stream
        self.window = window
        self._waiting: deque[tuple[int, int, int]] = deque()  # event, attempt and streams, ascending
        self._alone: deque[tuple[int, int, int]] = deque()  # those that do not wait for the window
        self._in_hand: dict[int, list[int]] = {}  # the events of each attempt, ascending

    def add(self, event: int, attempt: int, streams: int) -> None:
        """Put a frame into its place in the lane."""
        waiting, entry = self._waiting, (event, attempt, streams)
        if not waiting or waiting[-1] < entry:
            waiting.append(entry)
        else:
            insort(waiting, entry)

    def add_alone(self, event: int, attempt: int, streams: int) -> None:
        """Put a frame before all others."""
        self._alone.append((event, attempt, streams))

    def give(self, kept: Mapping[int, Kept]) -> list[Share]:
        """Return what the worker is given now, at most about `BYTES_AT_ONCE`; what is not kept any more is left out."""
        shares: list[Share] = []
        while self._alone:
            event, attempt, streams = self._alone.popleft()
            if frame := kept.get(event):
                shares.append(Share(event, attempt, streams, True, frame.data))
                insort(self._in_hand.setdefault(attempt, []), event)
        waiting, size = self._waiting, 0
        while waiting and size < BYTES_AT_ONCE and len(shares) < SHARES_AT_ONCE:
            event, attempt, streams = waiting[0]
            if self._lower(event) >= self.window:
                break
            waiting.popleft()
            if frame := kept.get(event):
                shares.append(Share(event, attempt, streams, False, frame.data))
                size += frame.size
                insort(self._in_hand.setdefault(attempt, []), event)
        return shares

    def done(self, first: int, last: int, attempt: int) -> None:
        """Take note that the worker is done with the events first..last in an attempt."""
        if in_hand := self._in_hand.get(attempt):
            del in_hand[bisect_left(in_hand, first) : bisect_right(in_hand, last)]
            if not in_hand:
                del self._in_hand[attempt]

    def leave_out(self, first: int, stop: int) -> None:
        """Do not give the events first..stop-1 any more."""
        for entries in (self._waiting, self._alone):
            stay = [entry for entry in entries if not first <= entry[0] < stop]
            entries.clear()
            entries.extend(stay)

    def _lower(self, event: int) -> int:
        """Return how many lower events the worker has in hand."""
        lower = 0
        for in_hand in self._in_hand.values():
            lower += len(in_hand) if in_hand[-1] < event else bisect_left(in_hand, event)
        return lower
