"""The books of one worker: what it was given, and what became of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from dranspose.intervals import IntervalSet, Range
from dranspose.scheduling.backlog import Backlog
from dranspose.scheduling.credit import Credit
from dranspose.scheduling.stimuli import Ranges
from dranspose.triggermap import Tags

_event = attrgetter("event")


@dataclass(slots=True, eq=False)
class Attempt:
    """The events that a worker was given in one attempt and that are not done with.

    Attributes:
        open: not reported as finished.
        acknowledged: among the open ones, those whose results the reducer has: it was faster than the worker's report.
        returned: reported as finished with a result, which the reducer does not have.
        withheld: among the open ones, suspects that have not been sent.
    """

    open: IntervalSet = field(default_factory=IntervalSet)
    acknowledged: IntervalSet = field(default_factory=IntervalSet)
    returned: IntervalSet = field(default_factory=IntervalSet)
    withheld: set[int] = field(default_factory=set)

    def finish(self, ranges: Ranges, *, has_result: bool) -> list[Range]:
        """Take note that calls are over, with results or without; return of which events that is news."""
        finished: list[Range] = []
        for first, last in ranges:
            finished += self.open.take(first, last)
        returned = finished if has_result else []
        if self.acknowledged:
            returned = [gap for first, last in returned for gap in self.acknowledged.gaps(first, last)]
            for first, last in finished:
                self.acknowledged.take(first, last)
        for first, last in returned:
            self.returned.add(first, last)
        return finished

    def acknowledge(self, ranges: Ranges) -> list[Range]:
        """Take note that results have been reduced; return of which events that is news."""
        reduced: list[Range] = []
        for first, last in ranges:
            returned = self.returned.take(first, last)
            reduced += returned
            if returned == [(first, last)]:
                continue
            for begin, end in self.open.overlap(first, last):
                reduced += self.acknowledged.gaps(begin, end)
                self.acknowledged.add(begin, end)
        return reduced

    def undone(self) -> IntervalSet:
        """Return the events that are lost if the worker is."""
        events = IntervalSet(self.open)
        for first, last in self.acknowledged:
            events.take(first, last)
        for first, last in self.returned:
            events.add(first, last)
        return events

    def sent(self) -> Iterator[int]:
        """Yield the events that the worker may have in hand, or get any moment, ascending."""
        for first, last in self.open:
            for event in range(first, last + 1):
                if event not in self.withheld and event not in self.acknowledged:
                    yield event

    def drop(self, first: int, last: int) -> None:
        """Forget these events."""
        for events in (self.open, self.acknowledged, self.returned):
            events.take(first, last)
        self.withheld = {event for event in self.withheld if event in self.open}

    @property
    def idle(self) -> bool:
        """Whether nothing is left."""
        return not (self.open or self.returned)


@dataclass(slots=True, eq=False)
class Worker:
    """A worker that is alive, or whose results are being fenced off.

    Attributes:
        order: how many workers had joined before.
        backlogs: those of all tag sets that it can serve.
        silent: the ranges of events that it returned None for, first and last by turns, and so may hold in its memory.
        suspects: withheld events and their attempts: a heap.
        solos: events and their attempts that it was given alone, and whether it has started.
    """

    name: str
    tags: Tags
    stateless: bool
    order: int
    backlogs: list[Backlog]
    credit: Credit
    attempts: dict[int, Attempt] = field(default_factory=lambda: {0: Attempt()})
    silent: array[int] = field(default_factory=lambda: array("q"))
    suspects: list[tuple[int, int]] = field(default_factory=list)
    solos: dict[tuple[int, int], bool] = field(default_factory=dict)

    def demand(self, stop: int) -> tuple[Backlog, int] | None:
        """Return the backlog with the lowest event that it can serve, and how many events it has room for.

        Room is twice the window less what it has not finished up to that event. So it has the next events before it
        asks for them, and the lowest event of all finds room with anyone. None if the event is not below ``stop``, or
        if there is only a little room: so it is given several virtual workers together.
        """
        backlog = self.backlogs[0] if len(self.backlogs) == 1 else min(self.backlogs, key=_event, default=None)
        if backlog is None or backlog.event >= stop:
            return None
        room = 2 * self.credit.window
        for books in self.attempts.values():
            room -= books.open.count_below(backlog.event + 1)
        return (backlog, room) if 2 * room >= self.credit.window else None

    def remember(self, first: int, last: int) -> None:
        """Take note that it returned None for these events."""
        if self.silent and self.silent[-1] == first - 1:
            self.silent[-1] = last
        else:
            self.silent.extend((first, last))

    def forget(self) -> None:
        """Take note that it has returned what it held in its memory."""
        del self.silent[:]

    def silent_events(self) -> Iterator[Range]:
        """Yield the ranges of events that it may hold in its memory."""
        return zip(self.silent[::2], self.silent[1::2], strict=True)

    def withheld(self) -> set[int]:
        """Return the suspects that it has been bound to but not been sent."""
        return {event for books in self.attempts.values() for event in books.withheld}

    def tidy(self) -> None:
        """Forget solos that are over, and later attempts in which nothing is left."""
        if self.solos:
            self.solos = {solo: started for solo, started in self.solos.items() if self.has_open(*solo)}
        if len(self.attempts) > 1:
            self.attempts = {
                attempt: books for attempt, books in self.attempts.items() if attempt == 0 or not books.idle
            }

    def has_open(self, event: int, attempt: int) -> bool:
        """Tell whether it was given an event in an attempt and has not finished it."""
        return attempt in self.attempts and event in self.attempts[attempt].open

    @property
    def idle(self) -> bool:
        """Whether nothing that it was given is left."""
        return all(books.idle for books in self.attempts.values())
