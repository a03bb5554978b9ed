"""Version 1 of the stream interface of DECTRIS detectors as a source: a PULL socket that connects."""

from __future__ import annotations

import zmq

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData
from dranspose.middlewares.eiger_legacy import IMAGE_FRAMES, TYPE, header_frames
from dranspose.middlewares.json_frame import json_object, number
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.series_source import SeriesSource


class EigerLegacySource(SeriesSource):
    """One stream of a DECTRIS detector, such as an EIGER, whose stream interface is of version 1."""

    socket_type = zmq.PULL

    def packets_of(self, parts: list[Frame], connection: int) -> tuple[Packet]:
        """Return the packet that a message is; see `ZmqSource.packets_of`."""
        fields = json_object(parts[0])
        series = number(fields, "series")
        data = StreamData(TYPE, parts)
        match fields.get("htype"):
            case "dheader-1.0":
                _check_count(parts, header_frames(fields))
                return (self.packet(PacketKind.START, series, data),)
            case "dimage-1.0":
                _check_count(parts, IMAGE_FRAMES)
                return (self.packet(PacketKind.FRAME, series, data, number(fields, "frame")),)
            case "dseries_end-1.0":
                return (self.packet(PacketKind.END, series, data),)
            case htype:
                raise MalformedFrameError(f"there is no message with htype {htype!r:.80}")


def _check_count(parts: list[Frame], without_appendix: int) -> None:
    if len(parts) not in (without_appendix, without_appendix + 1):
        raise MalformedFrameError(f"it has {len(parts)} parts, not {without_appendix} or with an appendix one more")
