"""STINS ("Stream1"), the streaming protocol of MAX IV's detectors, as a source: PULL sockets that connect."""

from __future__ import annotations

import zmq

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData
from dranspose.middlewares.json_frame import json_object, number
from dranspose.middlewares.stream1 import TYPE
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.zmq_source import ZmqSource

KINDS = {"header": PacketKind.START, "image": PacketKind.FRAME, "series_end": PacketKind.END}


class StinsSource(ZmqSource):
    """One STINS stream over one connection or, where one is not fast enough, several that share its messages.

    Over several connections messages overtake each other, so the sender must count ``msg_number`` on over series.
    """

    socket_type = zmq.PULL
    several_connections = True

    def packets_of(self, parts: list[Frame], connection: int) -> tuple[Packet]:
        """Return the packet that a message is; see `packet_of`."""
        return (packet_of(self.stream, parts, connection),)


def packet_of(stream: StreamName, parts: list[Frame], connection: int = 0) -> Packet:
    """Return the packet that the parts of a STINS message are.

    Raises:
        MalformedFrameError: they are no STINS message.
    """
    fields = json_object(parts[0])
    htype = fields.get("htype")
    kind = KINDS.get(htype) if isinstance(htype, str) else None
    if kind is None:
        raise MalformedFrameError(f"frame 0 has no htype of {', '.join(KINDS)}")
    msg_number = number(fields, "msg_number")
    data = StreamData(TYPE, parts)
    if kind is not PacketKind.FRAME:
        return Packet(stream, kind, msg_number, data, None, connection)
    if len(parts) < 2:
        raise MalformedFrameError("it is an image without a blob")
    return Packet(stream, kind, msg_number, data, number(fields, "frame"), connection)
