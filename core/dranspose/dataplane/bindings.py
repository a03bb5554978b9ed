"""Which worker a virtual worker is bound to, for as long as it has events that are not complete."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from dranspose.intervals import IntervalSet
from dranspose.scheduling.instructions import Bind
from dranspose.triggermap import Run, TriggerMap


@dataclass(frozen=True, slots=True)
class Rebinding:
    """Virtual workers that were bound again; what they get of an event in this attempt is one part."""

    virtual_workers: range
    worker: str
    attempt: int
    skip: IntervalSet


class Bindings:
    """The bindings of one scan.

    Attributes:
        first: the worker of each virtual worker in attempt 0.
        again: the later bindings of each virtual worker.
    """

    def __init__(self, trigger_map: TriggerMap) -> None:
        self.first: dict[int, str] = {}
        self.again: dict[int, list[Rebinding]] = {}
        self._runs = heapq.merge(*(trigger_map.runs(tags) for tags in trigger_map.tag_sets))
        self._next = next(self._runs, None)
        self._begun: list[tuple[int, Run]] = []  # a heap: runs, and before which event their first virtual worker ends

    def bind(self, bind: Bind) -> range:
        """Take in a binding of attempt 0; return its virtual workers."""
        virtual_workers = range(bind.first, bind.last + 1)
        self.first.update(dict.fromkeys(virtual_workers, bind.worker))
        return virtual_workers

    def bind_again(self, bind: Bind) -> Rebinding:
        """Take in a binding of a later attempt, and return it."""
        rebinding = Rebinding(range(bind.first, bind.last + 1), bind.worker, bind.attempt, IntervalSet(bind.skip))
        for virtual_worker in rebinding.virtual_workers:
            self.again.setdefault(virtual_worker, []).append(rebinding)
        return rebinding

    def rebindings(self, codes: Iterable[int]) -> list[Rebinding]:
        """Return the later bindings of all these virtual workers, each once."""
        found = {rebinding.attempt: rebinding for code in codes for rebinding in self.again.get(code, ())}
        return list(found.values())

    def forget_before(self, event: int) -> None:
        """Forget virtual workers that have no events from this one on."""
        while self._next is not None and self._next.event < event:
            self._put(self._next)
            self._next = next(self._runs, None)
        while self._begun and self._begun[0][0] <= event:
            _, run = heapq.heappop(self._begun)
            stop = run.stop if run.end <= event else run.first + (event - run.event) // run.batch
            for known in (self.first, self.again):
                for virtual_worker in members(known, range(run.first, stop)):
                    del known[virtual_worker]
            if stop < run.stop:
                self._put(run._replace(first=stop, event=run.event + (stop - run.first) * run.batch))

    def _put(self, run: Run) -> None:
        alone = run.stop - run.first == 1
        heapq.heappush(self._begun, (run.end if alone else run.event + run.batch, run))


def members(numbers: Collection[int], within: range) -> list[int]:
    """Return those of some numbers that are in a range, ascending; one of the two may be very long."""
    if len(within) < len(numbers):
        return [number for number in within if number in numbers]
    return sorted(number for number in numbers if number in within)
