"""Credit: how many unfinished events a worker may have in hand, so that it neither waits nor hoards."""

from __future__ import annotations

from dataclasses import dataclass, field

WORK_IN_HAND = 0.05  # s
SMOOTHING = 0.5
"""The weight of the latest measurement: a first slow call, an import, is forgotten after a few reports."""


@dataclass(frozen=True, slots=True)
class CreditLimits:
    """Between how few and how many events a window is; with two, the next one is there when one is done.

    Raises:
        ValueError: there is no such number.
    """

    least: int = 2
    most: int = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"credit limits have to be 1 or more, and in order, not {self.least} and {self.most}")


DEFAULT_LIMITS = CreditLimits()


@dataclass(slots=True)
class Credit:
    """The window of one worker, in events."""

    limits: CreditLimits
    window: int = field(init=False)
    largest: int = field(init=False)  # that it ever was
    seconds: float | None = None  # a call takes, on average

    def __post_init__(self) -> None:
        self.window = self.largest = self.limits.least

    def measured(self, seconds: float) -> bool:
        """Take in how long calls took; return whether the window changed."""
        self.seconds = seconds if self.seconds is None else self.seconds + SMOOTHING * (seconds - self.seconds)
        if 3 / 4 < self.seconds * self.window / WORK_IN_HAND < 4 / 3:
            return False
        least, most = self.limits.least, self.limits.most
        wanted = most if self.seconds * most <= WORK_IN_HAND else max(round(WORK_IN_HAND / self.seconds), least)
        # At most twice as much for each report: the header packet is quick to process, the events after it may not be.
        wanted = min(wanted, 2 * self.window)
        if wanted == self.window:
            return False
        self.window = wanted
        self.largest = max(self.largest, wanted)
        return True
