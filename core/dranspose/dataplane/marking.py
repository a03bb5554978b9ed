"""Marking: which events are ticks, one in each interval over all workers together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

from dranspose.dataplane.wire import Share
from dranspose.tick import TickClock


class Marking:
    """The ticks of one scan that one of its ingesters marks.

    An event is marked with the leading frame of what its worker gets of it: so one clock counts for all workers that
    get frames of the stream that has most. A mark goes with an event, so no worker can hold one back that has nothing
    to do, or is busy. If it is lost with its worker, the next event gets it.

    Attributes:
        interval: seconds between two ticks; none are marked while it is None.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.interval: float | None = None
        self._clock = clock
        self._tick_clock = TickClock()
        self._latest: tuple[int, str] | None = None  # the latest tick, and the worker that was given it

    def marks(self, worker: str, shares: Sequence[Share], leads: Callable[[Share], bool]) -> tuple[int, ...]:
        """Return which of the events that a worker is given now are ticks.

        Args:
            worker: who it is.
            shares: what it is given.
            leads: tells whether a share is the leading one of what the worker gets of its event.
        """
        if self.interval is None:
            return ()
        with_frames = (share for share in shares if share.data is not None)
        candidates = islice(with_frames, 1) if self.interval > 0 else with_frames
        marked = tuple(share.event for share in candidates if leads(share))
        if not marked or not self._tick_clock.ticks(self._clock(), self.interval):
            return ()
        self._latest = marked[0], worker
        return marked

    def lose(self, worker: str, is_complete: Callable[[int], bool]) -> None:
        """Take note that a worker is lost."""
        if self._latest is not None and self._latest[1] == worker and not is_complete(self._latest[0]):
            self._tick_clock = TickClock()
