"""Forwarding: an ingester keeps the frames of a scan, and gives each to its workers when their turn comes.

It is pure: frames and the scheduler's instructions go in, shares for workers come out. Frames wait here for their
event's virtual workers to be bound, and in a `Lane` for the worker's window; they are kept until `Release`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from dranspose.dataplane.bindings import Bindings, Rebinding, members
from dranspose.dataplane.lane import FIRST_WINDOW, Kept, Lane
from dranspose.dataplane.layout import BLOCK, Codes, Layout
from dranspose.dataplane.wire import Share
from dranspose.event import StreamData
from dranspose.intervals import IntervalSet
from dranspose.protocol import StreamName
from dranspose.scheduling.instructions import (
    Bind,
    Broadcast,
    EndAt,
    Fence,
    Hold,
    Instruction,
    Release,
    Solo,
    UseParameters,
    Window,
)
from dranspose.scheduling.stimuli import Ranges
from dranspose.triggermap import Tags, TriggerMap

FRAME_OVERHEAD = 512
"""Bytes that a frame takes here besides its own."""

BROADCAST_BYTES = 2**26
"""So much of broadcasts is kept after their release, for workers that join; those of event 0 are kept in any case."""

LOST_AT_ONCE = 4096
"""So many lost frames of a stream are handled at a time; the others wait as ranges."""


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker that has not been fenced off: the codes of the broadcasts that it has the tags for, and its lanes."""

    broadcasts: frozenset[int]
    window: int = FIRST_WINDOW
    lanes: dict[StreamName, Lane] = field(default_factory=dict)


class Forwarding:
    """What becomes of the frames of some streams in one scan.

    Instructions that name a worker which has not been met wait until it is, or is fenced off.

    Args:
        trigger_map: of the scan.
        streams: those whose frames come here.
        version: of the parameters that the scan begins with.
        broadcast_bytes: how much of broadcasts is kept after their release.

    Attributes:
        taken_bytes: how many bytes the frames had that were taken in.
        kept_bytes: how much is kept of events that have not been released.
        next_event: one more than the highest event that was forwarded.
    """

    def __init__(
        self,
        trigger_map: TriggerMap,
        streams: Iterable[StreamName],
        version: int = 0,
        broadcast_bytes: int = BROADCAST_BYTES,
    ) -> None:
        self.taken_bytes = 0
        self.kept_bytes = 0
        self.next_event = 0
        self._map = trigger_map
        self._end = trigger_map.end_event
        self._cut = trigger_map.total_events
        self._streams = [stream for stream in streams if stream in trigger_map.streams]
        self._leaders = sorted(trigger_map.streams, key=self._frames, reverse=True)  # stable: in the order of the map
        self._layout = Layout(trigger_map)
        self._bindings = Bindings(trigger_map)
        self._versions = [(0, version)]
        self._kept: dict[StreamName, dict[int, Kept]] = {stream: {} for stream in self._streams}
        self._arrived_stop = 0
        self._lost = {stream: IntervalSet() for stream in self._streams}  # not handled yet
        self._lost_kept = dict.fromkeys(self._streams, 0)
        # Frames that wait for a virtual worker to be bound: their events, by stream and virtual worker.
        self._unbound: dict[StreamName, dict[int, list[int]]] = {stream: {} for stream in self._streams}
        self._named: dict[int, dict[str, bool]] = {}  # who gets the broadcasts of an event, and whether alone
        self._solos: set[tuple[int, int]] = set()  # events, and attempts other than 0
        self._workers: dict[str, _Worker] = {}
        self._fenced: set[str] = set()
        self._unmet: dict[str, list[Instruction]] = {}
        self._released = IntervalSet()
        self._released_stop = 0
        self._lowest = 0  # of the events that have virtual workers and were not released
        self._stay: dict[StreamName, dict[int, Kept]] = {stream: {} for stream in self._streams}  # released broadcasts
        self._room_to_stay = broadcast_bytes
        self._held = False
        self._stirred: dict[Lane, None] = {}  # those that may have something to give

    # What comes in

    def take(self, stream: StreamName, event: int, data: StreamData) -> None:
        """Take in a frame."""
        if (event < self._released_stop and event in self._released) or self._is_cut(event):
            return
        size = sum(map(len, data.frames))
        self.taken_bytes += size
        size += FRAME_OVERHEAD
        self.kept_bytes += size
        self._arrive(stream, event, Kept(data, size))

    def lose(self, stream: StreamName, runs: Ranges) -> Ranges:
        """Take note that the frames of a stream are missing in these events; return those for which it matters."""
        end = self._end
        pieces = [(first, min(last, self._cut - 1)) for first, last in runs]
        if end is not None and self._cut <= end and any(first <= end <= last for first, last in runs):
            pieces.append((end, end))
        missing = [gap for first, last in pieces for gap in self._released.gaps(first, last)]
        for first, last in missing:
            self._lost[stream].add(first, last)
        self._handle_lost(stream)
        return tuple(missing)

    def meet(self, worker: str, tags: Tags) -> None:
        """Take note that a worker is there, and can be sent to."""
        if worker not in self._workers and worker not in self._fenced:
            numbers = (number for number, needed in enumerate(self._map.tag_sets) if needed <= tags)
            self._workers[worker] = _Worker(frozenset(-1 - number for number in numbers))
            self._carry_out_late(worker)

    def done(self, worker: str, ranges: Iterable[tuple[int, int, int]]) -> None:
        """Take note that a worker is done with events: first, last and attempt of each range."""
        if known := self._workers.get(worker):
            for lane in known.lanes.values():
                for first, last, attempt in ranges:
                    lane.done(first, last, attempt)
                self._stirred[lane] = None

    def handle(self, instruction: Instruction) -> None:
        """Carry out an instruction."""
        match instruction:
            case Release(events):
                self._release(events)
            case Bind(worker=worker) | Window(worker) | Solo(worker=worker) if self._is_unmet(worker):
                self._unmet.setdefault(worker, []).append(instruction)
            case Bind(attempt=0):
                self._bind(instruction)
            case Bind():
                self._bind_again(instruction)
            case Broadcast(event, workers):
                for worker in workers:
                    if self._is_unmet(worker):
                        self._unmet.setdefault(worker, []).append(Broadcast(event, (worker,)))
                    else:
                        self._name(event, worker, alone=False)
            case Window(worker, events):
                self._set_window(worker, events)
            case Solo(event, worker, 0):
                self._name(event, worker, alone=True)
            case Solo(event, _, attempt):
                self._forward_alone(event, attempt)
            case Fence(worker):
                self._fence(worker)
            case Hold():
                self._held = True
            case UseParameters(version, from_event):
                self._versions.append((from_event, version))
                self._held = False
            case EndAt(event):
                self._end_at(event)
                self._held = False

    @property
    def lag(self) -> int:
        """How many events there are from the lowest that was not released to the highest that has come."""
        return max(self._arrived_stop - self._lowest, 0)

    # What comes out

    def due(self) -> Iterator[tuple[str, str, int, list[Share]]]:
        """Yield what is to be sent now: the worker, and stream, version and shares of a message for it."""
        while self._stirred and not self._held:
            lane, _ = self._stirred.popitem()
            kept = self._kept[lane.stream]
            while shares := lane.give(kept):
                self.next_event = max(self.next_event, 1 + max(map(_event, shares)))
                for version, of_version in self._by_version(shares):
                    yield lane.worker, lane.stream, version, of_version

    def leads(self, worker: str, stream: str, share: Share) -> bool:
        """Tell whether no other stream that the worker gets of a share's event has as many frames in the scan.

        Of streams that have as many, the first one of the trigger map leads.
        """
        if share.streams == 1:
            return True
        part = self._part(share.event, worker, share.attempt)
        return stream == next((leader for leader in self._leaders if leader in part), stream)

    def is_released(self, event: int) -> bool:
        """Tell whether an event was released."""
        return event in self._released

    def frames(self, event: int) -> dict[StreamName, StreamData]:
        """Return the frames of an event that are kept."""
        found = {stream: kept[event].data for stream, kept in self._kept.items() if event in kept}
        return {stream: data for stream, data in found.items() if data is not None}

    def most_wanted(self) -> Collection[StreamName]:
        """Return the streams of which the lowest event that needs any of them has no frame yet.

        They are to be read however much is kept: nothing is released before.
        """
        for event in range(self._lowest, self._arrived_stop):
            if event in self._released:
                continue
            recipients = self._layout.recipients(event)
            if ours := [stream for stream in self._streams if stream in recipients]:
                return [stream for stream in ours if event not in self._kept[stream]]
        return self._streams

    # Frames

    def _arrive(self, stream: StreamName, event: int, frame: Kept) -> None:
        self._kept[stream][event] = frame
        if event >= self._arrived_stop:
            self._arrived_stop = event + 1
        if self._bindings.again:
            codes = self._layout.recipients(event)[stream]
            for rebinding in self._bindings.rebindings(codes):
                alone = (event, rebinding.attempt) in self._solos
                if alone or event not in rebinding.skip:
                    self._forward_part(event, rebinding, [stream], alone=alone)
        self._forward_first(stream, event)

    def _forward_first(self, stream: StreamName, event: int) -> None:
        """Forward a frame in attempt 0, or let it wait for a virtual worker of its event to be bound."""
        block, at = self._layout.block(event // BLOCK), event % BLOCK
        parties = block.parties[at]
        bound = self._bindings.first
        if len(parties) == 1 and (worker := bound.get(parties[0])):  # the usual case, and the fastest
            self._forward(worker, stream, event, 0, block.streams[at])
            return
        for code in parties:
            if code >= 0 and code not in bound:
                self._unbound[stream].setdefault(code, []).append(event)
                return
        self._forward_shared(stream, event, parties)

    def _forward_shared(self, stream: StreamName, event: int, parties: Codes) -> None:
        """Forward a frame of an event with several parties, in attempt 0."""
        bound = self._bindings.first
        named = self._named.get(event, {})
        for worker in {*(bound[code] for code in parties if code >= 0), *named}:
            known = self._workers.get(worker)
            if known is None or (worker not in named and not known.broadcasts.isdisjoint(parties)):
                continue  # fenced off, or to be named
            part = self._first_part(event, worker, known)
            if stream in part:
                self._forward(worker, stream, event, 0, len(part), alone=named.get(worker, False))

    def _first_part(self, event: int, worker: str, known: _Worker) -> list[StreamName]:
        """Return the streams that a worker gets of an event in attempt 0, those of other ingesters too."""
        bound, broadcasts = self._bindings.first, known.broadcasts
        return [
            stream
            for stream, codes in self._layout.recipients(event).items()
            if any(bound.get(code) == worker if code >= 0 else code in broadcasts for code in codes)
        ]

    def _later_part(self, event: int, rebinding: Rebinding) -> list[StreamName]:
        """Return the streams that a worker gets of an event in a later attempt, those of other ingesters too."""
        return [
            stream
            for stream, codes in self._layout.recipients(event).items()
            if any(code in rebinding.virtual_workers for code in codes)
        ]

    def _part(self, event: int, worker: str, attempt: int) -> list[StreamName]:
        """Return the streams that a worker gets of an event in an attempt, as far as that is not forgotten."""
        if attempt == 0:
            return self._first_part(event, worker, self._workers[worker])
        rebindings = self._bindings.rebindings(self._layout.parties(event))
        return [stream for again in rebindings if again.attempt == attempt for stream in self._later_part(event, again)]

    def _forward_part(
        self, event: int, rebinding: Rebinding, arrived: Collection[StreamName], *, alone: bool = False
    ) -> None:
        """Forward the frames of these streams that belong to a later attempt."""
        part = self._later_part(event, rebinding)
        for stream in arrived:
            if stream in part:
                self._forward(rebinding.worker, stream, event, rebinding.attempt, len(part), alone=alone)

    def _forward(
        self, worker: str, stream: StreamName, event: int, attempt: int, streams: int, *, alone: bool = False
    ) -> None:
        known = self._workers.get(worker)
        if known is None or self._is_cut(event):
            return
        lane = known.lanes.get(stream)
        if lane is None:
            lane = known.lanes[stream] = Lane(worker, stream, known.window)
        (lane.add_alone if alone else lane.add)(event, attempt, streams)
        self._stirred[lane] = None

    def _arrived(self, event: int) -> list[StreamName]:
        return [stream for stream, kept in self._kept.items() if event in kept]

    def _handle_lost(self, stream: StreamName) -> None:
        """Let the next lost frames arrive, as far as there are not too many already."""
        lost, kept = self._lost[stream], self._kept[stream]
        while lost and (room := LOST_AT_ONCE - self._lost_kept[stream]) > 0:
            first, last = next(iter(lost))
            last = min(last, first + room - 1)
            lost.take(first, last)
            for event in self._map.routes(first, last + 1, stream).events.tolist():
                if event not in kept and self._layout.recipients(event).get(stream):
                    self._lost_kept[stream] += 1
                    self._arrive(stream, event, Kept(None, 0))

    def _frames(self, stream: StreamName) -> int:
        return self._map.frames_before(stream, self._map.total_events)

    def _is_cut(self, event: int) -> bool:
        return event >= self._cut and event != self._end

    def _by_version(self, shares: list[Share]) -> Iterable[tuple[int, list[Share]]]:
        if len(self._versions) == 1:
            return [(self._versions[0][1], shares)]
        grouped = groupby(shares, lambda share: bisect_right(self._versions, share.event, key=itemgetter(0)) - 1)
        return [(self._versions[index][1], list(of_version)) for index, of_version in grouped]

    # Instructions

    def _bind(self, bind: Bind) -> None:
        virtual_workers = self._bindings.bind(bind)
        for stream, unbound in self._unbound.items():
            for virtual_worker in members(unbound, virtual_workers):
                for event in unbound.pop(virtual_worker):
                    if event in self._kept[stream]:
                        self._forward_first(stream, event)

    def _bind_again(self, bind: Bind) -> None:
        rebinding = self._bindings.bind_again(bind)
        events = set[int]()
        for virtual_worker in rebinding.virtual_workers:
            theirs = self._map.events_of(virtual_worker)
            events.update(theirs[bisect_left(theirs, self._lowest) : bisect_left(theirs, self._arrived_stop)])
        for event in sorted(map(int, events)):
            if event not in rebinding.skip:
                self._forward_part(event, rebinding, self._arrived(event))

    def _forward_alone(self, event: int, attempt: int) -> None:
        self._solos.add((event, attempt))
        for rebinding in self._bindings.rebindings(self._layout.parties(event)):
            if rebinding.attempt == attempt and event in rebinding.skip:
                self._forward_part(event, rebinding, self._arrived(event), alone=True)

    def _name(self, event: int, worker: str, *, alone: bool) -> None:
        """Forward to a worker the broadcasts of an event, and what else it gets of it in attempt 0."""
        known = self._workers.get(worker)
        if known is None:
            return
        released = event in self._released
        if not released:
            self._named.setdefault(event, {})[worker] = alone
            if any(code >= 0 and code not in self._bindings.first for code in self._layout.parties(event)):
                return
        part = self._first_part(event, worker, known)
        for stream in self._streams:
            if stream not in part:
                continue
            if released:
                self._kept[stream][event] = self._stay[stream].get(event, Kept(None, 0))
            if event in self._kept[stream]:
                self._forward(worker, stream, event, 0, len(part), alone=alone)

    def _set_window(self, worker: str, events: int) -> None:
        if known := self._workers.get(worker):
            known.window = events
            for lane in known.lanes.values():
                lane.window = events
                self._stirred[lane] = None

    def _fence(self, worker: str) -> None:
        self._fenced.add(worker)
        if known := self._workers.pop(worker, None):
            for lane in known.lanes.values():
                self._stirred.pop(lane, None)
        self._carry_out_late(worker)

    def _is_unmet(self, worker: str) -> bool:
        return worker not in self._workers and worker not in self._fenced

    def _carry_out_late(self, worker: str) -> None:
        for instruction in self._unmet.pop(worker, ()):
            self.handle(instruction)

    def _end_at(self, event: int) -> None:
        stop = self._map.total_events if self._end is None else self._end
        self._cut = min(event, self._cut)
        for known in self._workers.values():
            for lane in known.lanes.values():
                lane.leave_out(self._cut, stop)

    def _release(self, ranges: Ranges) -> None:
        for piece in ranges:
            for first, last in self._released.gaps(*piece):
                self._let_go(first, last)
        self._solos = {solo for solo in self._solos if solo[0] not in self._released}
        self._find_lowest()
        for stream in self._streams:
            self._handle_lost(stream)

    def _let_go(self, first: int, last: int) -> None:
        for event in members(self._named, range(first, last + 1)):
            self._let_stay(event)
            del self._named[event]
        for stream, kept in self._kept.items():
            for event in members(kept, range(first, last + 1)):
                frame = kept.pop(event)
                self.kept_bytes -= frame.size
                if frame.data is None:
                    self._lost_kept[stream] -= 1
            self._lost[stream].take(first, last)
        self._released.add(first, last)
        self._released_stop = max(self._released_stop, last + 1)

    def _let_stay(self, event: int) -> None:
        """Keep the broadcasts of an event for workers that join, as far as there is room."""
        recipients = self._layout.recipients(event)
        for stream in self._arrived(event):
            frame = self._kept[stream][event]
            is_broadcast = min(recipients[stream]) < 0
            if is_broadcast and (event == 0 or frame.size <= self._room_to_stay):
                self._stay[stream][event] = frame
                self._room_to_stay -= frame.size if event > 0 else 0

    def _find_lowest(self) -> None:
        lowest = self._released.next_gap(self._lowest)
        while lowest < self._released_stop and max(self._layout.parties(lowest), default=-1) < 0:
            lowest = self._released.next_gap(lowest + 1)
        self._lowest = lowest
        self._bindings.forget_before(self._lowest)


_event: Callable[[Share], int] = itemgetter(0)
