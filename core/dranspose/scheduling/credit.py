"""Credit: how many unfinished events a worker may have in hand, so that it neither waits nor hoards."""

from __future__ import annotations

from dataclasses import dataclass

WORK_IN_HAND = 0.05  # s
LEAST, MOST = 2, 1000  # events; with two, the next one is there when one is done
SMOOTHING = 0.5
"""The weight of the latest measurement: a first slow call, an import, is forgotten after a few reports."""


@dataclass(slots=True)
class Credit:
    """The window of one worker, in events."""

    window: int = LEAST
    largest: int = LEAST  # that it ever was
    seconds: float | None = None  # a call takes, on average

    def measured(self, seconds: float) -> bool:
        """Take in how long calls took; return whether the window changed."""
        self.seconds = seconds if self.seconds is None else self.seconds + SMOOTHING * (seconds - self.seconds)
        wanted = MOST if self.seconds * MOST <= WORK_IN_HAND else max(round(WORK_IN_HAND / self.seconds), LEAST)
        # At most twice as much for each report: the header packet is quick to process, the events after it may not be.
        wanted = min(wanted, 2 * self.window)
        if 3 * self.window < 4 * wanted and 3 * wanted < 4 * self.window:
            return False
        self.window = wanted
        self.largest = max(self.largest, wanted)
        return True
