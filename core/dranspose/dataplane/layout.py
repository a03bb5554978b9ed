"""What each event of a scan consists of, looked up in the trigger map block by block."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dranspose.protocol import StreamName
from dranspose.triggermap import Routes, TriggerMap

BLOCK = 1024
BLOCKS = 64
"""So many blocks are remembered: streams may be far apart, and a lost worker's events are far behind."""

Codes = tuple[int, ...]
"""Recipients, as `dranspose.triggermap` writes them: virtual workers from 0 on, and broadcasts below 0."""


class Block(NamedTuple):
    """Some consecutive events: the parties of each, the recipients of each stream's frames, and how many streams.

    Streams that have no frame in an event, or one for nobody, have no recipients in it and do not count.
    """

    parties: list[Codes]
    recipients: dict[StreamName, list[Codes]]
    streams: list[int]


class Layout:
    """The events of a trigger map.

    Attributes:
        block: returns the events from ``number * BLOCK`` on.
    """

    def __init__(self, trigger_map: TriggerMap) -> None:
        self._map = trigger_map
        self.block = lru_cache(BLOCKS)(self._look_up)

    def parties(self, event: int) -> Codes:
        """Return the parties of an event."""
        return self.block(event // BLOCK).parties[event % BLOCK]

    def recipients(self, event: int) -> dict[StreamName, Codes]:
        """Return the recipients of the frames of an event, by stream."""
        recipients, at = self.block(event // BLOCK).recipients, event % BLOCK
        return {stream: found for stream, events in recipients.items() if (found := events[at])}

    def _look_up(self, number: int) -> Block:
        first = number * BLOCK
        stop = min(first + BLOCK, self._map.total_events)
        streams = np.zeros(stop - first, np.int64)
        known: dict[Codes, Codes] = {}
        recipients = {}
        for stream in self._map.streams:
            routes = self._map.routes(first, stop, stream)
            streams[routes.events[np.diff(routes.offsets) > 0] - first] += 1
            recipients[stream] = _by_event(routes, first, stop, known)
        return Block(_by_event(self._map.routes(first, stop), first, stop, known), recipients, streams.tolist())


def _by_event(routes: Routes, first: int, stop: int, known: dict[Codes, Codes]) -> list[Codes]:
    """Return the recipients of each event; those that are equal to known ones are the same object, to save memory."""
    codes = tuple(routes.codes.tolist())
    pieces = [known.setdefault(piece := codes[i:j], piece) for i, j in pairwise(routes.offsets.tolist())]
    if len(pieces) == stop - first:
        return pieces
    found: list[Codes] = [()] * (stop - first)
    for event, piece in zip(routes.events.tolist(), pieces, strict=True):
        found[event - first] = piece
    return found
