"""Joining: the shares of several streams become whole parts of events."""

from __future__ import annotations

from typing import NamedTuple

from dranspose.dataplane.wire import Shares
from dranspose.event import EventData, StreamData
from dranspose.protocol import EventNumber, StreamName

FIRST = (0, 0)
"""Event and attempt of the header packets."""


class Part(NamedTuple):
    """All that a worker gets of an event in one attempt; the frames are None if none of them is left."""

    number: int
    attempt: int
    version: int
    solo: bool
    tick: bool
    event: EventData | None


class Joiner:
    """Joins what one worker gets in one scan.

    From when something of the first event has come until it is whole no other part is given out, so that the user's
    class sees the header packets first.
    """

    def __init__(self) -> None:
        self._incomplete: dict[tuple[int, int], dict[StreamName, StreamData | None]] = {}
        self._held: list[Part] = []
        self._ticks: set[tuple[int, int]] = set()  # of the incomplete ones

    def add(self, message: Shares) -> list[Part]:
        """Take in shares of one stream; return the parts that can be processed now."""
        incomplete, whole = self._incomplete, self._held
        stream, version, ticks = StreamName(message.stream), message.version, frozenset(message.ticks)
        for number, attempt, streams, solo, data in message.shares:
            tick = number in ticks
            if streams == 1:
                found = {} if data is None else {stream: data}
            else:
                joined = incomplete.setdefault((number, attempt), {})
                joined[stream] = data
                if tick:
                    self._ticks.add((number, attempt))
                if len(joined) < streams:
                    continue
                del incomplete[number, attempt]
                tick = (number, attempt) in self._ticks
                if tick:
                    self._ticks.remove((number, attempt))
                found = {name: data for name, data in joined.items() if data is not None}
                if (number, attempt) == FIRST:
                    whole.insert(0, Part(number, attempt, version, solo, tick, _event(number, found)))
                    continue
            whole.append(Part(number, attempt, version, solo, tick, _event(number, found)))
        if FIRST in incomplete:
            return []
        self._held = []
        return whole


def _event(number: int, streams: dict[StreamName, StreamData]) -> EventData | None:
    return EventData(EventNumber(number), streams) if streams else None
