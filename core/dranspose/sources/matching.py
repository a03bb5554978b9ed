"""Which event a packet belongs to, by its own number: what is lost, doubled or late never shifts what follows.

A scan takes one series of each stream. Of the frames that the trigger map has for the stream the start packet is frame
0, the images are those from 1 on, and the end packet is the last. Here an `index` is such a number.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import NamedTuple, TypeAlias

import numpy as np

from dranspose.event import StreamData
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, PacketKind
from dranspose.triggermap import TriggerMap

logger = logging.getLogger(__name__)

REORDER = 64
BLOCK = 4096  # events looked up at a time
EARLY_PACKETS = 2**16
EARLY_BYTES = 2**28
MAX_AHEAD = 2**18
"""Of one connection before another, in images."""

Frames: TypeAlias = Sequence[tuple[int, StreamData]]
Runs: TypeAlias = Sequence[tuple[int, int]]


class Phase(Enum):
    """How far the series of a scan is."""

    BEFORE = "waiting for the start packet"
    SERIES = "in the series"
    ENDING = "the end packet is in, images before it are not"
    OVER = "over"


class Matched(NamedTuple):
    """What is known now: frames with their events, and first and last event of each run of missing frames."""

    frames: Frames = ()
    missing: Runs = ()


NOTHING = Matched()


@dataclass(frozen=True, slots=True)
class MatchCounts:
    """What became of the packets of a stream in a scan.

    Attributes:
        delivered: handed out for an event.
        discarded: without a recipient in the trigger map.
        duplicate: came before.
        late: further behind than an image may be: it was given up, or came before.
        before_start: came before the start packet, or has a number before the series.
        restarted: start packets after another start packet and no image; the images after the last one count.
        misnumbered: with two numbers that do not fit together, in a series in which they did.
        beyond_series: images that the trigger map, or the series as its end packet tells, does not have.
        after_end: came after the end packet, or from the start packet of the next series on.
        held: wait for packets that they overtook.
        reordered: of the delivered and discarded ones, those that came after a later one.
        missing: frames of the trigger map that were given up.
    """

    delivered: int = 0
    discarded: int = 0
    duplicate: int = 0
    late: int = 0
    before_start: int = 0
    restarted: int = 0
    misnumbered: int = 0
    beyond_series: int = 0
    after_end: int = 0
    held: int = 0
    reordered: int = 0
    missing: int = 0

    @property
    def received(self) -> int:
        """All packets: each is counted once, apart from `reordered` and `missing`."""
        everything: int = sum(getattr(self, field.name) for field in fields(self))
        return everything - self.reordered - self.missing


class FrameMatcher:
    """Places the packets of one stream in one scan.

    Args:
        trigger_map: of the scan.
        stream: whose packets these are; KeyError if the map does not have it.
        reorder: how far behind the newest image of its connection another may come; those that cannot come any more
            are missing.
        connections: over how many the packets come. Over one, what comes before the start packet is left over, and
            images that have not come with the end packet are lost. Over several, packets are held for a start packet
            and images that they overtook, and `Packet.number` must go on over series.
        several_series: whether the start and end packets between the first start packet and the frame that is the last
            in the trigger map are images like others. `Packet.number` must go on over the series, which come over one
            connection.
    """

    def __init__(
        self,
        trigger_map: TriggerMap,
        stream: StreamName,
        reorder: int = REORDER,
        *,
        connections: int = 1,
        several_series: bool = False,
    ) -> None:
        self._stream = stream
        self._reorder = reorder
        self._in_order = connections == 1
        self._several_series = several_series
        self._newest = [0] * connections
        self._map = trigger_map
        self._total = trigger_map.frames_before(stream, trigger_map.total_events)
        self._images_stop = self._total - 1  # as far as is known
        self._events = _Events(trigger_map, stream)
        self._window = _Window()
        self._numbers: _Numbers | None = None  # while in the series
        self._early: deque[Packet] = deque()
        self._early_bytes = 0
        self._end: Packet | None = None
        self._counts = {field.name: 0 for field in fields(MatchCounts)}
        self.phase = Phase.BEFORE if self._total else Phase.OVER

    @property
    def counts(self) -> MatchCounts:
        """What became of the packets so far."""
        return MatchCounts(**self._counts | {"held": len(self._early) + (self._end is not None)})

    def take(self, packet: Packet) -> Matched:
        """Return what is known with one packet more."""
        if packet.kind is PacketKind.FRAME or self._is_between_series(packet):
            return self._take_image(packet)
        if packet.kind is PacketKind.START:
            return self._take_start(packet)
        return self._take_end(packet)

    def awaits(self, cut: int) -> bool:
        """Tell whether a frame of an event before this one may still come."""
        wanted = self._map.frames_before(self._stream, cut)
        return self.phase is not Phase.OVER and not self._window.has_all_below(wanted)

    def stop(self, cut: int | None = None) -> Matched:
        """Return what is known if no packet comes any more: all that has not come is missing.

        Frames of events from `cut` on are not missing, as nobody wants them, but the end packet is.
        """
        if self.phase is Phase.OVER:
            return NOTHING
        wanted = self._total if cut is None else self._map.frames_before(self._stream, cut)
        return self._close(self._end, range(wanted, max(wanted, self._total - 1)))

    def _is_between_series(self, packet: Packet) -> bool:
        if not self._several_series or self._numbers is None:
            return False
        return packet.kind is PacketKind.START or packet.number - self._numbers.start < self._images_stop

    def _take_image(self, packet: Packet) -> Matched:
        if self._numbers is None:
            return self._take_outside(packet)
        index = self._numbers.index_of(packet.number, packet.frame)
        if index is None:
            return self._drop("misnumbered")
        if index < 1:
            return self._drop("before_start")
        if index >= self._images_stop:
            return self._drop("beyond_series")
        if not self._in_order:
            self._newest[packet.connection] = max(self._newest[packet.connection], index)
        window = self._window
        missing: Runs = ()
        if index == window.next and not window.open:
            window.next += 1
        elif index >= window.next:
            missing = self._give_up(window.take(index, self._floor(index)))
        elif index in window.open:
            self._counts["reordered"] += 1
            missing = self._give_up(window.take(index, self._floor(window.next - 1)))
        else:
            return self._drop("late" if index < self._floor(window.next - 1) else "duplicate")
        frames = self._deliver(index, packet.data)
        if self._end is not None and window.has_all_below(self._images_stop):
            closed = self._close(self._end)
            return Matched([*frames, *closed.frames], [*missing, *closed.missing])
        return Matched(frames, missing)

    def _take_start(self, packet: Packet) -> Matched:
        if self.phase is not Phase.BEFORE:
            return self._take_another_start(packet)
        self.phase = Phase.SERIES
        self._numbers = _Numbers(self._stream, packet.number, self._in_order)
        self._window.next = 1
        frames, missing = [*self._deliver(0, packet.data)], list[tuple[int, int]]()
        if self._total == 1:
            self._close(None)
        early, self._early = self._early, deque()
        for other in early:
            matched = self.take(other)
            frames += matched.frames
            missing += matched.missing
        return Matched(frames, missing)

    def _take_another_start(self, packet: Packet) -> Matched:
        if self._numbers is None:
            return self._drop("after_end")
        follows = packet.number - self._numbers.start
        if self._numbers.unused and (self._in_order or follows == 1):
            self._numbers = _Numbers(self._stream, packet.number, self._in_order)
            logger.warning("stream %r: the series started anew before any image, this header is left out", self._stream)
            return self._drop("restarted")
        self._drop("after_end")
        if self._in_order:
            return self._close(None)
        self._images_stop = min(self._images_stop, follows)
        return NOTHING

    def _take_end(self, packet: Packet) -> Matched:
        if self._numbers is None:
            return self._take_outside(packet)
        if self._in_order:
            return self._close(packet)
        if self._end is not None:
            return self._drop("duplicate")
        follows = packet.number - self._numbers.start
        if follows < 1:
            return self._drop("before_start")
        self._images_stop = min(self._images_stop, follows)
        if self._window.has_all_below(self._images_stop):
            return self._close(packet)
        self._end = packet
        self.phase = Phase.ENDING
        return NOTHING

    def _take_outside(self, packet: Packet) -> Matched:
        if self.phase is Phase.OVER:
            return self._drop("after_end")
        if self._in_order:
            return self._drop("before_start")
        self._early.append(packet)
        self._early_bytes += _size(packet)
        while self._early_bytes > EARLY_BYTES or len(self._early) > EARLY_PACKETS:
            self._early_bytes -= _size(self._early.popleft())
            self._drop("before_start")
        return NOTHING

    def _floor(self, newest: int) -> int:
        """Return the least index that may still come when the newest one of all has."""
        if self._in_order:
            return newest - self._reorder
        return max(min(self._newest) - self._reorder, newest - MAX_AHEAD)

    def _close(self, end: Packet | None, unwanted: range = range(0)) -> Matched:
        """End the series, with its end packet or without one: what has not come and is wanted is missing."""
        if end is not None and self._window.next < self._total - 1:
            ended = self._window.next - 1, self._total - 2
            logger.warning("stream %r: the series ended after image %d of %d", self._stream, *ended)
        rest = self._window.rest(self._total - (end is not None))
        before = (range(run.start, min(run.stop, unwanted.start)) for run in rest)
        after = (range(max(run.start, unwanted.stop), run.stop) for run in rest)
        missing = self._give_up([run for run in (*before, *after) if run])
        self._counts["before_start"] += len(self._early)
        self._early.clear()
        self._end = self._numbers = None
        self.phase = Phase.OVER
        return Matched(self._deliver(self._total - 1, end.data) if end is not None else (), missing)

    def _deliver(self, index: int, data: StreamData) -> Frames:
        event = self._events.of(index)
        if event is None:
            self._counts["discarded"] += 1
            return ()
        self._counts["delivered"] += 1
        return [(event, data)]

    def _give_up(self, runs: Sequence[range]) -> Runs:
        self._counts["missing"] += sum(map(len, runs))
        event_of = self._map.event_of
        return [(event_of(self._stream, run[0]), event_of(self._stream, run[-1])) for run in runs]

    def _drop(self, why: str) -> Matched:
        self._counts[why] += 1
        return NOTHING


class _Trusted(Enum):
    """Which of its two numbers tells where an image is: that of the message, or that of the frame."""

    UNDECIDED = "none yet"
    BOTH = "both"
    NUMBER = "message"
    FRAME = "frame"


class _Numbers:
    """Tells the index of each image of one series.

    By `Packet.number`, unless its sender does not keep that. If it cannot be right in the first image that comes, that
    is taken for image 1. If it says something else than `Packet.frame` of how far the second image is from the first,
    the one that says less tells, but for 0. Later images of which the numbers disagree are not of the series.
    """

    def __init__(self, stream: StreamName, start: int, in_order: bool) -> None:
        self.start = start
        self._stream = stream
        self._in_order = in_order
        self._number_of_start = start
        self._frame_of_start = 0
        self._first: int | None = None
        self._trusted = _Trusted.UNDECIDED

    @property
    def unused(self) -> bool:
        """Whether no image of the series has come yet."""
        return self._first is None

    def index_of(self, number: int, frame: int | None) -> int | None:
        """Return the index of an image, below 1 if it is older than the series; None if its numbers do not fit."""
        by_number = number - self._number_of_start
        by_frame = by_number if frame is None else frame - self._frame_of_start
        if self._trusted is _Trusted.BOTH:
            return by_number if by_number == by_frame else None
        if self._trusted is _Trusted.UNDECIDED:
            if self._first is None:
                return self._index_of_first(number, frame)
            self._decide(self._first, by_number, by_frame)
        return by_frame if self._trusted is _Trusted.FRAME else by_number

    def _index_of_first(self, number: int, frame: int | None) -> int | None:
        index = number - self.start
        if index < 1 and not self._in_order:
            return index
        if frame is None:
            self._trusted = _Trusted.NUMBER
        else:
            if not 1 <= index <= frame + 1:  # frames are counted from 0, from 1, or on over series
                if not self._in_order:
                    return None
                index = 1
                self._number_of_start = number - 1
                logger.warning(
                    "stream %r: the first image to come is taken for image 1: its message number is %d, the start's %d",
                    self._stream, number, self.start,
                )  # fmt: skip
            self._frame_of_start = frame - index
        self._first = index
        return index

    def _decide(self, first: int, by_number: int, by_frame: int) -> None:
        if by_number == by_frame:
            if by_number != first:  # a duplicate of the first image tells nothing
                self._trusted = _Trusted.BOTH
            return
        message_step, frame_step = abs(by_number - first), abs(by_frame - first)
        by_message = frame_step == 0 or 0 < message_step < frame_step or not self._in_order
        self._trusted = _Trusted.NUMBER if by_message else _Trusted.FRAME
        logger.warning(
            "stream %r: the numbers of messages and frames disagree; images are placed by that of the %s",
            self._stream, self._trusted.value,
        )  # fmt: skip


def _size(packet: Packet) -> int:
    return sum(map(len, packet.data.frames))


class _Window:
    """Which indices have come: all below `next` but those given up and those in `open`, which may still come."""

    def __init__(self) -> None:
        self.next = 0
        self.open: set[int] = set()
        self._floor = 0

    def has_all_below(self, stop: int) -> bool:
        """Tell whether nothing below may still come."""
        return self.next >= stop and not self.open

    def take(self, index: int, floor: int) -> list[range]:
        """Take an index that is open or from `next` on; return those that are given up, being below a rising floor."""
        given_up = list[range]()
        if self.open:
            self.open.discard(index)
            for overdue in range(self._floor, min(floor, self.next)):
                if overdue in self.open:
                    self.open.remove(overdue)
                    _append(given_up, range(overdue, overdue + 1))
        if floor > self.next:
            _append(given_up, range(self.next, floor))
        self._floor = floor
        if index >= self.next:
            self.open.update(range(max(self.next, floor), index))
            self.next = index + 1
        return given_up

    def rest(self, stop: int) -> list[range]:
        """Return all below `stop` that may still come."""
        rest = list[range]()
        for index in sorted(self.open):
            _append(rest, range(index, index + 1))
        if stop > self.next:
            _append(rest, range(self.next, stop))
        return rest


def _append(runs: list[range], run: range) -> None:
    if runs and runs[-1].stop == run.start:
        run = range(runs.pop().start, run.stop)
    runs.append(run)


class _Events:
    """The event of each frame of a stream, looked up in blocks."""

    def __init__(self, trigger_map: TriggerMap, stream: StreamName) -> None:
        self._map = trigger_map
        self._stream = stream
        self._block_start = 0
        self._block: list[int | None] = []

    def of(self, index: int) -> int | None:
        """Return the event of a frame, None if nobody gets the frame."""
        at = index - self._block_start
        if at < 0:
            return self._look_up(index, 1)[0]
        if at >= len(self._block):
            self._block_start, self._block = index, self._look_up(index, BLOCK)
            at = 0
        return self._block[at]

    def _look_up(self, index: int, events: int) -> list[int | None]:
        """Return the events from that of a frame on which have a frame."""
        first = self._map.event_of(self._stream, index)
        routes = self._map.routes(first, min(first + events, self._map.total_events), self._stream)
        found: list[int | None] = routes.events.tolist()
        for nobodys in np.flatnonzero(np.diff(routes.offsets) == 0):
            found[nobodys] = None
        return found
