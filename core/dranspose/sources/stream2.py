"""Version 2 of the stream interface of DECTRIS detectors, which is CBOR, as a source: a PULL socket that connects."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

import cbor2
import zmq

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData, frame_buffer
from dranspose.middlewares.json_frame import number
from dranspose.middlewares.stream2 import SELF_DESCRIBED, TYPE, cbor_map
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.series_source import SeriesSource

KINDS = {"start": PacketKind.START, "image": PacketKind.FRAME, "end": PacketKind.END}
BEGINNING_BYTES = 1024
BEGINNING_FIELDS = 4
"""With which detectors begin: type, series_id, series_unique_id, and for images image_id."""


class Stream2Source(SeriesSource):
    """One stream of a DECTRIS detector whose stream interface is of version 2."""

    socket_type = zmq.PULL

    def packets_of(self, parts: list[Frame], connection: int) -> tuple[Packet]:
        """Return the packet that a message is; see `ZmqSource.packets_of`."""
        if len(parts) != 1:
            raise MalformedFrameError(f"it has {len(parts)} parts, not one")
        fields = _first_fields(parts[0])
        kind_name, series = fields.get("type"), fields.get("series_unique_id")
        kind = KINDS.get(kind_name) if isinstance(kind_name, str) else None
        if kind is None or not isinstance(series, str):
            raise MalformedFrameError(f"it has no series_unique_id, or no type of {', '.join(KINDS)}")
        index = number(fields, "image_id") if kind is PacketKind.FRAME else 0
        return (self.packet(kind, series, StreamData(TYPE, parts), index),)


def _first_fields(message: Frame) -> dict[str, Any]:
    """Return the fields of a small message, and those that a large one begins with: to decode an image takes long.

    A large message that does not begin with what is needed is decoded as a whole.
    """
    if isinstance(message, zmq.Frame):
        try:
            fields = dict(islice(_fields(frame_buffer(message)[:BEGINNING_BYTES]), BEGINNING_FIELDS))
        except Exception:  # noqa: BLE001 - whatever it is, to decode all of it will tell
            fields = {}
        if {"type", "series_unique_id", "image_id"} <= fields.keys():
            return fields
    return cbor_map(message)


def _fields(beginning: bytes | memoryview) -> Iterator[tuple[Any, Any]]:
    """Yield the fields of a map in CBOR of which only the beginning is there."""
    content = bytes(beginning).removeprefix(SELF_DESCRIBED)
    if not 0xA0 <= content[0] <= 0xB7:  # up to 23 fields (RFC 8949, appendix B), which no image exceeds
        raise ValueError("not a small map")
    decoder = cbor2.CBORDecoder(io.BytesIO(content[1:]))
    for _ in range(content[0] - 0xA0):
        yield decoder.decode(), decoder.decode()
