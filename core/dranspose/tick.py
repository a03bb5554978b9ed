"""The clock of ticks: about one event in an interval is marked, over all workers together."""

from __future__ import annotations

import math


class TickClock:
    """Ticks at the first event, and then at the first one after each interval."""

    def __init__(self) -> None:
        self._last_tick = -math.inf

    def ticks(self, now: float, interval: float) -> bool:
        """Tell whether an event at `now` is marked, for a worker that asks for this interval; both in seconds."""
        if now - self._last_tick < interval:
            return False
        self._last_tick = now
        return True
