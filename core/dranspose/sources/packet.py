"""What a source hands over: the packets of its streams, and what it had to skip."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from dranspose.event import StreamData
from dranspose.protocol import StreamName


class PacketKind(Enum):
    """What a packet is to its series."""

    START = "start"
    FRAME = "frame"
    END = "end"


class Packet(NamedTuple):  # made in a third of the time that a frozen dataclass takes
    """One message of a stream.

    ``number`` places it in its series: frame i has the number of the start packet + 1 + i, and the end packet the next
    one after the last frame. Where the protocol has its own count of messages it is that one, and goes on over series.
    ``frame`` is the number in a count of frames alone, from anywhere, where the protocol has one besides.
    ``connection`` counts from 0; over each connection of a stream the packets come in the order they were sent in.
    """

    stream: StreamName
    kind: PacketKind
    number: int
    data: StreamData
    frame: int | None = None
    connection: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message that was no packet of the protocol."""

    stream: StreamName
    reason: str
    first_bytes: bytes
