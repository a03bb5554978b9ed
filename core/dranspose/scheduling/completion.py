"""Which events are complete, and what the others wait for.

A *plain* event has one party, a virtual worker: it is complete when that worker is done with it. Of the others, the
*shared* ones, there is a record as long as they are in hand. So memory grows with what is in hand, not with the scan.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from dranspose.intervals import IntervalSet, Range, ranges_of
from dranspose.scheduling.missing import MissingFrames
from dranspose.scheduling.worker import Worker
from dranspose.triggermap import Tags, TriggerMap


@dataclass(slots=True, eq=False)
class SharedEvent:
    """What a shared event waits for.

    Attributes:
        virtual_workers: those that are not done with it.
        unserved: the tags of its broadcasts that no worker is done with.
        workers: who was sent a broadcast and is not done with it.
    """

    virtual_workers: set[int]
    unserved: set[Tags]
    workers: set[Worker]


class Completion:
    """Keeps the books on the events of one scan.

    Attributes:
        complete: the events that are complete.
        lowest: the lowest event that is not.
        shared: the shared events that are in hand and not complete.
        owners: the worker and attempt that the virtual workers of shared events are bound to.
        kept: broadcast events that are never released.
        missing: the frames that will not come.
    """

    def __init__(self, trigger_map: TriggerMap) -> None:
        self.complete = IntervalSet()
        self.lowest = 0
        self.shared: dict[int, SharedEvent] = {}
        self.owners: dict[int, tuple[Worker, int]] = {}
        self.kept: set[int] = set()
        self.missing = MissingFrames(trigger_map)
        self._map = trigger_map
        self._owned_until: list[tuple[int, int]] = []  # the last event of each virtual worker with an owner: a heap
        self._released: list[Range] = []
        self._plain = range(0)  # the plain events that were looked up last
        self._without_parties = trigger_map.without_parties()
        self._next_without_parties = next(self._without_parties, None)
        self._find_lowest()

    def finish(self, first: int, last: int) -> None:
        """Make the events first..last complete."""
        self.complete.add(first, last)
        if self._released and self._released[-1][1] == first - 1 and first not in self.kept:
            self._released[-1] = self._released[-1][0], last
        elif first not in self.kept:
            self._released.append((first, last))
        if first <= self.lowest:
            self._find_lowest()

    def take_released(self) -> list[Range]:
        """Return the events that have become complete since the last time, but for those that are kept."""
        released, self._released = self._released, []
        return released

    def settle(self, worker: Worker, attempt: int, first: int, last: int) -> None:
        """Take note that the worker is done with what it was given of the events first..last in this attempt."""
        if first in self._plain and last < self._plain.stop:  # the usual case, and the fastest
            self.finish(first, last)
            return
        for begin, end, plain in self.pieces(first, last):
            if plain:
                self.finish(begin, end)
            elif record := self.record(begin):
                record.virtual_workers -= self._part(record, worker, attempt)
                if attempt == 0 and worker in record.workers:
                    record.workers.discard(worker)
                    record.unserved = {tags for tags in record.unserved if not tags <= worker.tags}
                self.finish_if_complete(begin)

    def abandon(self, worker: Worker, attempt: int, event: int) -> set[int]:
        """Take a shared event from a lost worker; return the virtual workers that it was not done with."""
        record = self.record(event)
        if record is None:
            return set()
        part = self._part(record, worker, attempt)
        record.workers.discard(worker)
        self.finish_if_complete(event)
        return part

    def give_up_broadcasts(self, event: int) -> None:
        """Let an event wait for no worker that its broadcasts could be given to."""
        if not self._is_plain(event, event) and (record := self.record(event)):
            record.unserved.clear()

    def drop(self, first: int, last: int) -> None:
        """Make the events first..last complete, whatever they wait for."""
        for event in [event for event in self.shared if first <= event <= last]:
            del self.shared[event]
        self.kept -= {event for event in self.kept if first <= event <= last}
        self.finish(first, last)

    def record(self, event: int) -> SharedEvent | None:
        """Return the record of a shared event, None if it is complete."""
        record = self.shared.get(event)
        if record is None and event not in self.complete:
            virtual_workers, broadcasts = self._map.recipients(event)
            record = self.shared[event] = SharedEvent(set(virtual_workers), set(broadcasts), set())
        return record

    def finish_if_complete(self, event: int) -> None:
        """Make a shared event complete if it waits for nothing any more."""
        record = self.shared.get(event)
        if record and not (record.virtual_workers or record.unserved or record.workers):
            del self.shared[event]
            self.finish(event, event)

    def own(self, virtual_workers: range, events: list[Range], worker: Worker, attempt: int) -> None:
        """Take note whom virtual workers with these events are bound to, if some of the events are shared."""
        for first, last in events:
            if not self._is_plain(first, last):
                break
        else:
            return
        for virtual_worker in virtual_workers:
            self.owners[virtual_worker] = worker, attempt
            heapq.heappush(self._owned_until, (events[-1][1], virtual_worker))

    def undone(self, virtual_worker: int) -> IntervalSet:
        """Return the events that a virtual worker is not done with."""
        undone = IntervalSet()
        for first, last in ranges_of(self._map.events_of(virtual_worker)):
            for begin, end in self.complete.gaps(first, last):
                undone.add(begin, end)
                for event, _, plain in self.pieces(begin, end):
                    if not plain and event in self.shared and virtual_worker not in self.shared[event].virtual_workers:
                        undone.take(event, event)
        return undone

    def is_bound_to(self, worker: Worker, attempt: int, event: int) -> bool:
        """Tell whether a virtual worker of a shared event is bound to a worker in an attempt."""
        return any(self.owners.get(v) == (worker, attempt) for v in self._map.recipients(event).virtual_workers)

    def gets_frames(self, worker: Worker, attempt: int, event: int) -> bool:
        """Tell whether not all frames that a worker is to get of a shared event in an attempt are missing."""
        return any(
            any(self.owners.get(v) == (worker, attempt) for v in recipients.virtual_workers)
            or (attempt == 0 and any(tags <= worker.tags for tags in recipients.broadcasts))
            for stream, recipients in self._map.needs(event).items()
            if not self.missing.is_missing(stream, event)
        )

    def pieces(self, first: int, last: int) -> Iterator[tuple[int, int, bool]]:
        """Yield the events first..last in ranges: of plain events with True, of one shared event with False."""
        while first <= last:
            if self._is_plain(first, first):
                end = min(last, self._plain.stop - 1)
                yield first, end, True
                first = end + 1
            else:
                yield first, first, False
                first += 1

    def _is_plain(self, first: int, last: int) -> bool:
        if first not in self._plain:
            self._plain = range(first, self._map.plain_stop(first))
        return last < self._plain.stop

    def _part(self, record: SharedEvent, worker: Worker, attempt: int) -> set[int]:
        return {v for v in record.virtual_workers if self.owners.get(v) == (worker, attempt)}

    def _find_lowest(self) -> None:
        lowest = self.complete.next_gap(0)
        while self._next_without_parties and self._next_without_parties[0] <= lowest:
            first, stop = self._next_without_parties
            self.complete.add(first, stop - 1)
            self._next_without_parties = next(self._without_parties, None)
            lowest = self.complete.next_gap(0)
        self.lowest = lowest
        while self._owned_until and self._owned_until[0][0] < lowest:
            _, virtual_worker = heapq.heappop(self._owned_until)
            self.owners.pop(virtual_worker, None)
