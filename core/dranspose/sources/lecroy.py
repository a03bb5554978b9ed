"""LeCroy oscilloscopes as a source: a SUB socket, over which a sequence of triggers comes in several messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import zmq

from dranspose.data.lecroy import CONTINUOUS, LECROY_TYPE, PREPARE, SEQUENCE_END, SEQUENCE_START, STOP, LecroySequence
from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData
from dranspose.middlewares.json_frame import json_object, number
from dranspose.middlewares.lecroy import FRAMES_OF_TRACES
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.zmq_source import ZmqSource


class LecroySource(ZmqSource):
    """The stream of one scope: a packet for each sequence, of its start, the traces of all channels, and its end.

    A scope in continuous mode tells the start once; it is put before each sequence. Messages count the traces before
    them, which numbers the sequences.
    """

    socket_type = zmq.SUB

    def begin(self) -> None:
        """Forget the sequence before; see `ZmqSource.begin`."""
        self._start: Frame | None = None
        self._continuous = False
        self._channels: list[int] = []
        self._traces: dict[int, tuple[int, list[Frame]]] = {}  # of a channel, with the number of traces before them
        self._next_number = 0

    def packets_of(self, parts: list[Frame], connection: int) -> Sequence[Packet]:
        """Return the packet that a message completes, if it does; see `ZmqSource.packets_of`."""
        fields = json_object(parts[0])
        match fields.get("htype"), fields.get("what"):
            case "traces", _:
                return self._take_traces(fields, parts)
            case "msg", int(what) if len(parts) == 1:
                return self._take_message(what, fields, parts)
            case _:
                raise MalformedFrameError("it is no message of a scope")

    def _take_traces(self, fields: dict[str, Any], parts: list[Frame]) -> tuple[()]:
        if len(parts) != FRAMES_OF_TRACES:
            raise MalformedFrameError(f"traces come in {FRAMES_OF_TRACES} parts, not {len(parts)}")
        channel = number(fields, "ch")
        if channel not in self._channels:
            raise MalformedFrameError(f"there are traces of channel {channel}, which is not in the sequence")
        self._traces[channel] = number(fields, "frame"), parts
        return ()

    def _take_message(self, what: int, fields: dict[str, Any], parts: list[Frame]) -> tuple[Packet, ...]:
        if what == PREPARE:
            self.begin()
            return (self._packet(PacketKind.START, 0, parts),)
        if what == SEQUENCE_START:
            start = LecroySequence.from_fields(fields)
            self._channels, self._continuous = start.channels, start.ntriggers == CONTINUOUS
            [self._start] = parts
            return ()
        if what == SEQUENCE_END:
            return (self._sequence(number(fields, "frame"), parts[0]),)
        if what == STOP:
            return (self._packet(PacketKind.END, self._next_number, parts),)
        raise MalformedFrameError(f"there is no message with what = {what!r:.80}")

    def _sequence(self, traces_before: int, end: Frame) -> Packet:
        start, channels, first = self._start, self._channels, traces_before - len(self._channels)
        traces = {channel: parts for channel, (frame, parts) in self._traces.items() if frame >= first}
        self._traces = {}
        if not self._continuous:
            self._start = None
        if start is None or not channels:
            raise MalformedFrameError("a sequence ends that did not start")
        if lost := [channel for channel in channels if channel not in traces]:
            raise MalformedFrameError(f"a sequence ends without traces of the channels {lost}")
        frames = [start, *(part for channel in channels for part in traces[channel]), end]
        return self._packet(PacketKind.FRAME, traces_before // len(channels), frames)

    def _packet(self, kind: PacketKind, number: int, frames: list[Frame]) -> Packet:
        self._next_number = number + 1
        return Packet(self.stream, kind, number, StreamData(LECROY_TYPE, frames))
