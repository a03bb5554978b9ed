"""Grouping: the frames that an ingester takes in become the records of its capture, one for each event.

It is pure: frames go in as they come, records come out in the order of events, which replay expects.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dranspose.dataplane.forwarding import FRAME_OVERHEAD
from dranspose.dataplane.layout import Layout
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.intervals import IntervalSet
from dranspose.protocol import EventNumber, StreamName
from dranspose.scheduling.stimuli import Ranges
from dranspose.triggermap import TriggerMap


class Grouping:
    """The records of some streams in one scan.

    Frames that are missing are left out of the record of their event; an event without any frame has no record.

    Attributes:
        held_bytes: how much was taken in and not given out.
    """

    def __init__(self, trigger_map: TriggerMap, streams: Iterable[StreamName]) -> None:
        self.held_bytes = 0
        self._end = trigger_map.end_event
        self._cut = trigger_map.total_events
        self._layout = Layout(trigger_map)
        self._streams = list(streams)
        self._frames: dict[int, dict[StreamName, StreamData]] = {}
        self._sizes: dict[int, int] = {}
        self._lost = {stream: IntervalSet() for stream in self._streams}
        self._next = 0  # the lowest event that was not given out

    def take(self, stream: StreamName, event: int, data: StreamData) -> None:
        """Take in a frame."""
        if event < self._cut or event == self._end:
            size = sum(map(len, data.frames)) + FRAME_OVERHEAD
            self.held_bytes += size
            self._sizes[event] = self._sizes.get(event, 0) + size
            self._frames.setdefault(event, {})[stream] = data

    def lose(self, stream: StreamName, runs: Ranges) -> None:
        """Take note that frames will not come."""
        for first, last in runs:
            self._lost[stream].add(first, last)

    def end_at(self, event: int) -> None:
        """Leave out the events from this one on, except the end event."""
        self._cut = min(event, self._cut)
        for beyond in [event for event in self._frames if event >= self._cut and event != self._end]:
            self._drop(beyond)

    def whole(self, stop: int, now: datetime) -> list[InternalWorkerMessage]:
        """Return the records of events before `stop`, up to the first one of which a frame has still to come."""
        records: list[InternalWorkerMessage] = []
        stop = min(stop, self._cut)
        while self._next < stop:
            event = self._next
            found = self._frames.get(event, {})
            if len(found) < len(self._streams) and self._awaited(event, found):
                break
            if found:
                records.append(InternalWorkerMessage(EventNumber(event), self._drop(event), now))
                self._next += 1
            else:
                lost_until = min(lost.next_gap(event) for lost in self._lost.values())
                self._next = max(event + 1, min(lost_until, stop))
        for lost in self._lost.values():
            if lost:
                lost.take(0, self._next - 1)
        return records

    def rest(self, now: datetime) -> list[InternalWorkerMessage]:
        """Return the records of all that is left, at the end of the scan."""
        return [InternalWorkerMessage(EventNumber(event), self._drop(event), now) for event in sorted(self._frames)]

    def awaited(self) -> list[StreamName]:
        """Return the streams of which the next record lacks a frame."""
        if self._next >= self._cut:
            return []
        return self._awaited(self._next, self._frames.get(self._next, {}))

    def _awaited(self, event: int, found: Iterable[StreamName]) -> list[StreamName]:
        recipients = self._layout.recipients(event)
        return [
            stream
            for stream in self._streams
            if stream in recipients and stream not in found and event not in self._lost[stream]
        ]

    def _drop(self, event: int) -> dict[StreamName, StreamData]:
        self.held_bytes -= self._sizes.pop(event)
        return self._frames.pop(event)
