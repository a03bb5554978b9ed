"""The Xspress3, a readout of fluorescence detectors, as a source: a SUB socket that connects."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import zmq

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData, frame_buffer
from dranspose.middlewares.json_frame import json_object, number
from dranspose.middlewares.xspress import IMAGE_FRAMES, TYPE
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.zmq_source import ZmqSource


class Xspress3Source(ZmqSource):
    """The series of an Xspress3, as one stream.

    The three frames of an image come as parts of one message or, from older senders, as messages of their own; nothing
    in those tells to which image they belong, if some are lost. Images are numbered from 0 in each series.
    """

    socket_type = zmq.SUB
    max_part_bytes = 2**28

    def begin(self) -> None:
        """Wait for the first frame of a message."""
        self._image: list[Frame] = []
        self._next = 0

    def packets_of(self, parts: list[Frame], connection: int) -> Iterator[Packet | Skipped]:
        """Yield the packet that a message is, or completes."""
        if self._image and len(parts) == 1 and _may_follow(self._image, parts[0]):
            parts = [*self._image, *parts]
        elif self._image:
            yield self.skip(f"of an image only {len(self._image)} of {IMAGE_FRAMES} frames came", self._image)
        self._image = []
        fields = json_object(parts[0])
        match fields.get("htype"):
            case "image" if len(parts) < IMAGE_FRAMES:
                self._image = parts
                return
            case "image" if len(parts) == IMAGE_FRAMES:
                kind, place = PacketKind.FRAME, number(fields, "frame") + 1
            case "header" if len(parts) == 1:
                kind, place = PacketKind.START, 0
            case "series_end" if len(parts) == 1:
                kind, place = PacketKind.END, self._next
            case htype:
                raise MalformedFrameError(f"an Xspress3 sends no {htype!r:.80} in {len(parts)} parts")
        self._next = place + 1
        yield Packet(self.stream, kind, place, StreamData(TYPE, parts), None, connection)


def _may_follow(image: list[Frame], frame: Frame) -> bool:
    """Tell whether a frame may be the next one of an image: spectra, or the last one, which is a pickle."""
    begin = frame_buffer(frame)[:1]
    if len(image) == IMAGE_FRAMES - 1:
        return begin == pickle.PROTO
    try:
        return begin != b"{" or "htype" not in json_object(frame)
    except MalformedFrameError:
        return True
