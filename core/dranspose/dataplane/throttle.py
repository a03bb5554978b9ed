"""A throttle for what might otherwise be told too often."""

from __future__ import annotations


class Throttle:
    """Lets so many pass in a second."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = -1
        self._passed = 0

    def lets_pass(self, now: float) -> bool:
        """Tell whether one more may pass at this time, in seconds."""
        if int(now) != self._second:
            self._second, self._passed = int(now), 0
        self._passed += 1
        return self._passed <= self._per_second
