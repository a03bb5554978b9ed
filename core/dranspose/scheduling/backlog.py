"""The backlog: what is still to be handed out to the workers that have certain tags, in the order of events."""

from __future__ import annotations

import heapq
from sys import maxsize

from dranspose.triggermap import Run, Tags, TriggerMap

NEVER = maxsize
"""The event of what will not come."""

NO_MORE = Run(NEVER, NEVER, NEVER, 1, NEVER)


class Backlog:
    """The virtual workers of a tag set that are not bound, and the broadcasts to it that are not sent.

    The broadcast of end packets is not among them.

    Attributes:
        tags: the tag set.
        event: the lowest event that there is something to hand out for; NEVER if there is nothing.
        fresh: virtual workers that were never bound: the lowest ones.
        broadcast: the event of the next broadcast, or NEVER.
        lost: the virtual workers whose worker was lost, each behind the lowest event that is undone: a heap.
    """

    __slots__ = ("_broadcasts", "_runs", "broadcast", "event", "fresh", "lost", "tags")

    def __init__(self, tags: Tags, trigger_map: TriggerMap) -> None:
        end = trigger_map.end_event
        self.tags = tags
        self._runs = trigger_map.runs(tags)
        self._broadcasts = (event for event in trigger_map.broadcasts(tags) if event != end)
        self.fresh = next(self._runs, NO_MORE)
        self.broadcast = next(self._broadcasts, NEVER)
        self.lost: list[tuple[int, int]] = []
        self._find_event()

    def take_fresh(self, events: int) -> Run:
        """Take as many of the lowest fresh virtual workers as have this many events, or all of their run."""
        run = self.fresh
        count = -(-events // run.batch)
        if count >= run.stop - run.first:
            self.fresh = next(self._runs, NO_MORE)
        else:
            first, event = run.first + count, run.event + count * run.batch
            self.fresh = Run(first, run.stop, event, run.batch, run.end)
            run = Run(run.first, first, run.event, run.batch, event)
        self._find_event()
        return run

    def take_broadcast(self) -> int:
        """Take the next broadcast; return its event."""
        event = self.broadcast
        self.broadcast = next(self._broadcasts, NEVER)
        self._find_event()
        return event

    def take_lost(self) -> int:
        """Take the lost virtual worker with the lowest undone event."""
        _, virtual_worker = heapq.heappop(self.lost)
        self._find_event()
        return virtual_worker

    def put_back(self, virtual_worker: int, event: int) -> None:
        """Put in a virtual worker that has lost its worker, with its lowest undone event."""
        heapq.heappush(self.lost, (event, virtual_worker))
        self._find_event()

    def _find_event(self) -> None:
        lowest = self.lost[0][0] if self.lost else NEVER
        self.event = min(self.fresh.event, self.broadcast, lowest)
