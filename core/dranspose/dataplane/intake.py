"""The reducer's intake: which results count, and which come from a worker that was fenced off, or come twice."""

from __future__ import annotations

from collections import defaultdict
from enum import Enum, auto

REMEMBERED = 10_000
"""For each worker at least so many of the latest results are remembered."""


class Verdict(Enum):
    """What becomes of a result."""

    TAKEN = auto()
    FENCED = auto()
    TWICE = auto()


class _Memory:
    """The latest results of a worker, in two generations: the older one is forgotten when the younger one is full."""

    __slots__ = ("_older", "_younger")

    def __init__(self) -> None:
        self._younger: set[tuple[int, int]] = set()
        self._older: set[tuple[int, int]] = set()

    def add(self, result: tuple[int, int]) -> bool:
        """Remember a result; return whether it is new."""
        if result in self._younger or result in self._older:
            return False
        self._younger.add(result)
        if len(self._younger) == REMEMBERED:
            self._older, self._younger = self._younger, set()
        return True


class Intake:
    """The intake of one scan."""

    def __init__(self) -> None:
        self._fenced: set[str] = set()
        self._memories: defaultdict[str, _Memory] = defaultdict(_Memory)

    def fence(self, worker: str) -> None:
        """Take nothing of this worker any more."""
        self._fenced.add(worker)
        self._memories.pop(worker, None)

    def judge(self, worker: str, event: int, attempt: int) -> Verdict:
        """Tell what becomes of the result that a worker made of an event in an attempt."""
        if worker in self._fenced:
            return Verdict.FENCED
        return Verdict.TAKEN if self._memories[worker].add((event, attempt)) else Verdict.TWICE
