"""Contrast, the acquisition software of MAX IV's imaging beamlines, as a source: a SUB socket that connects."""

from __future__ import annotations

import zmq

from dranspose.data.contrast import ContrastFinished, ContrastHeartbeat, ContrastStarted
from dranspose.event import Frame, StreamData
from dranspose.middlewares.contrast import TYPE, parse
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.zmq_source import ZmqSource


class ContrastSource(ZmqSource):
    """The scans of Contrast, as one stream.

    Its messages have no numbers, so they are counted as they come, and a lost one is not noticed before the end.
    """

    socket_type = zmq.SUB
    max_part_bytes = 2**26

    def begin(self) -> None:
        """Count from 0."""
        self._number = 0

    def packets_of(self, parts: list[Frame], connection: int) -> tuple[Packet, ...]:
        """Return the packet that a message is; none for a sign of life."""
        data = StreamData(TYPE, parts)
        match parse(data):
            case ContrastHeartbeat():
                return ()
            case ContrastStarted():
                kind = PacketKind.START
            case ContrastFinished():
                kind = PacketKind.END
            case _:
                kind = PacketKind.FRAME
        self._number += 1
        return (Packet(self.stream, kind, self._number, data, None, connection),)
