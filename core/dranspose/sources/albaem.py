"""AlbaEM electrometers as a source: a SUB socket."""

from __future__ import annotations

import zmq

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData
from dranspose.middlewares.albaem import TYPE
from dranspose.middlewares.json_frame import json_object, number
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.zmq_source import ZmqSource

KINDS = {"series-start": PacketKind.START, "data": PacketKind.FRAME, "series-end": PacketKind.END}


class AlbaemSource(ZmqSource):
    """The stream of one electrometer."""

    socket_type = zmq.SUB

    def packets_of(self, parts: list[Frame], connection: int) -> tuple[Packet]:
        """Return the packet that a message is; see `ZmqSource.packets_of`."""
        if len(parts) != 1:
            raise MalformedFrameError(f"it has {len(parts)} parts, not one")
        fields = json_object(parts[0])
        kind = KINDS.get(str(fields.get("message_type")))
        if kind is None:
            raise MalformedFrameError(f"it has no message_type of {', '.join(KINDS)}")
        frame = number(fields, "frame_number") if kind is PacketKind.FRAME else None
        return (Packet(self.stream, kind, number(fields, "message_id"), StreamData(TYPE, parts), frame),)
