"""STINS ("Stream1"), the streaming protocol of MAX IV's detectors, as a source: PULL sockets that connect."""

from __future__ import annotations

import json
import logging
import reprlib
import time
from collections.abc import Sequence
from typing import Any

import zmq

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData, frame_bytes
from dranspose.middlewares.stream1 import TYPE
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.source import SourceError

logger = logging.getLogger(__name__)

KINDS = {"header": PacketKind.START, "image": PacketKind.FRAME, "series_end": PacketKind.END}
NUMBERS = 2**63
"""All numbers of messages and frames are below it."""

MAX_PARTS = 1024
MAX_PART_BYTES = 2**31
MAX_HEADER_BYTES = 2**20
COPIED_BELOW = 65536  # bytes: to copy a smaller blob costs less than to keep the message it came in
READ_BYTES = 2**26
"""So much is read at once, and the message with which it is more."""

SHOWN_BYTES = 32
LOG_INTERVAL = 1.0  # seconds
QUEUED_MESSAGES = 64

_OPTIONS = {
    zmq.LINGER: 0,
    zmq.RCVHWM: QUEUED_MESSAGES,
    zmq.MAXMSGSIZE: MAX_PART_BYTES,
    zmq.CONNECT_TIMEOUT: 5_000,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 5_000,
    # A host that is gone is noticed by the kernel. ZMTP's heartbeats would take a detector that waits because we do
    # not read for a dead one: their answers queue up behind the frames, and a lost connection loses frames.
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: 10,
    zmq.TCP_KEEPALIVE_INTVL: 5,
    zmq.TCP_KEEPALIVE_CNT: 3,
}


class StinsSource:
    """One STINS stream over one connection or, where one is not fast enough, several that share its messages.

    Over several connections messages overtake each other, so the sender must count ``msg_number`` on over series.

    Args:
        stream: the name that the stream has in trigger maps.
        urls: where to connect a socket to, such as ``tcp://detector:9999``; the same URL may occur several times.

    Attributes:
        skipped: how many messages were skipped since the source was opened.
    """

    def __init__(self, stream: StreamName, urls: Sequence[str]) -> None:
        if not urls:
            raise ValueError(f"stream {stream!r}: a STINS source needs a URL")
        self.streams = (stream,)
        self.connections = len(urls)
        self.sockets: list[zmq.Socket[bytes]] = []
        self.skipped = 0
        self._stream = stream
        self._urls = tuple(urls)
        self._copy = True
        self._next_log = 0.0

    def open(self, context: zmq.Context[Any]) -> None:
        """Connect; see `Source.open`."""
        self.skipped = 0
        for url in self._urls:
            socket = context.socket(zmq.PULL)
            self.sockets.append(socket)
            for option, value in _OPTIONS.items():
                socket.setsockopt(option, value)
            try:
                socket.connect(url)
            except zmq.ZMQError as error:
                self.close()
                raise SourceError(f"stream {self._stream!r}: cannot connect to {url!r}: {error}") from None

    def close(self) -> None:
        """Disconnect; see `Source.close`."""
        for socket in self.sockets:
            socket.close()
        self.sockets = []

    def read(self, readable: zmq.Socket[bytes], limit: int) -> list[Packet | Skipped]:
        """Return what has arrived; see `Source.read`."""
        read: list[Packet | Skipped] = []
        room = READ_BYTES
        connection = self.sockets.index(readable)
        try:
            while len(read) < limit and room > 0:
                parts = self._receive(readable)
                room -= sum(map(len, parts))
                try:
                    read.append(packet_of(self._stream, parts, connection))
                except MalformedFrameError as error:
                    read.append(self._skip(str(error), parts))
        except zmq.Again:
            pass
        return read

    def _receive(self, socket: zmq.Socket[bytes]) -> list[Frame]:
        """Return the parts of a message, the first in bytes; one more than `MAX_PARTS` of a message that has more."""
        parts: list[Frame] = [socket.recv(zmq.DONTWAIT)]
        while socket.getsockopt(zmq.RCVMORE):
            part = socket.recv(zmq.DONTWAIT, copy=self._copy)
            if len(parts) <= MAX_PARTS:
                parts.append(part)
        if len(parts) > 1:
            self._copy = len(parts[-1]) < COPIED_BELOW
        return parts

    def _skip(self, reason: str, parts: list[Frame]) -> Skipped:
        self.skipped += 1
        skipped = Skipped(self._stream, reason, frame_bytes(parts[0])[:SHOWN_BYTES])
        if (now := time.monotonic()) >= self._next_log:
            self._next_log = now + LOG_INTERVAL
            logger.warning(
                "stream %r from %s: skipped a message (%d so far), which begins with %r: %s",
                self._stream, ", ".join(self._urls), self.skipped, skipped.first_bytes, reason,
            )  # fmt: skip
        return skipped


def packet_of(stream: StreamName, parts: list[Frame], connection: int = 0) -> Packet:
    """Return the packet that the parts of a STINS message are.

    Raises:
        MalformedFrameError: they are no STINS message.
    """
    header = frame_bytes(parts[0])
    if len(parts) > MAX_PARTS:
        raise MalformedFrameError(f"it has more than {MAX_PARTS} parts")
    if len(header) > MAX_HEADER_BYTES:
        raise MalformedFrameError(f"part 0 has {len(header)} bytes, more than {MAX_HEADER_BYTES}")
    try:
        fields = json.loads(header.decode())  # faster than to let it find out the encoding
    except (ValueError, RecursionError) as error:
        raise MalformedFrameError(f"part 0 is not JSON: {error}") from None
    htype = fields.get("htype") if isinstance(fields, dict) else None
    kind = KINDS.get(htype) if isinstance(htype, str) else None
    if kind is None:
        raise MalformedFrameError(f"part 0 is no JSON object with an htype of {', '.join(KINDS)}")
    number = _number(fields, "msg_number")
    data = StreamData(TYPE, parts)
    if kind is not PacketKind.FRAME:
        return Packet(stream, kind, number, data, None, connection)
    if len(parts) < 2:
        raise MalformedFrameError("it is an image without a blob")
    return Packet(stream, kind, number, data, _number(fields, "frame"), connection)


def _number(fields: dict[str, Any], name: str) -> int:
    number = fields.get(name)
    if type(number) is not int or not 0 <= number < NUMBERS:
        raise MalformedFrameError(f"its {name} is no number from 0 to 2**63 - 1: {reprlib.repr(number)}")
    return number
