"""A PandABox's position capture over its own TCP port, as a source."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import zmq

from dranspose.event import Frame, StreamData, frame_bytes
from dranspose.middlewares.positioncap import TYPE
from dranspose.multipart import send
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.zmq_source import ZmqSource

logger = logging.getLogger(__name__)

REQUEST = b"\n"
"""No options: data comes scaled, as text, after a header."""

ACCEPTED = b"OK"
FINISHED = (b" Ok", b" Disarmed")
"""Other ends, such as ``Data overrun``, tell that triggers were lost in the PandABox."""

MAX_LINE_BYTES = 2**16
MAX_HEADER_LINES = 2**12


class PositioncapSource(ZmqSource):
    """The arms of a PandABox, as one stream; each header, line of values and END is a packet.

    A scan may take several arms, of which the packets are numbered on. After a connection was lost within an arm
    nobody knows how many triggers were lost with it: what comes then is skipped until the source is opened anew.
    """

    socket_type = zmq.STREAM  # of raw TCP, connecting again like any other socket of ZMQ
    several_series = True

    def begin(self) -> None:
        """Wait for a connection."""
        self._connected = False
        self._lost_track = False
        self._disconnect()
        self._number = 0

    def packets_of(self, parts: list[Frame], connection: int) -> Iterator[Packet | Skipped]:
        """Yield the packets that bytes complete; no bytes are what ZMQ makes of a connection won or lost."""
        peer, content = map(frame_bytes, parts)
        if content:
            yield from self._take(content, connection)
            return
        self._connected = not self._connected
        if self._connected:
            self._request(peer)
            return
        if self._in_arm:
            self._lost_track = True
            yield self.skip("the connection was lost within an arm, with an unknown number of triggers", [self._rest])
        self._disconnect()

    def _request(self, peer: bytes) -> None:
        [socket] = self._connection_of
        try:
            send(socket, [peer, REQUEST])
        except zmq.ZMQError as error:  # it is gone already
            logger.warning("stream %r: cannot ask for data: %s", self.stream, error)

    def _disconnect(self) -> None:
        self._rest = b""
        self._header: list[bytes] = []
        self._in_arm = False

    def _take(self, content: bytes, connection: int) -> Iterator[Packet | Skipped]:
        if self._lost_track:
            yield self.skip("what came before it was lost", [content])
            return
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            yield from self._take_line(line, connection)
        if len(self._rest) > MAX_LINE_BYTES or len(self._header) > MAX_HEADER_LINES:
            self._lost_track = True
            yield self.skip("no PandABox sends such long lines and headers", [self._rest])

    def _take_line(self, line: bytes, connection: int) -> Iterator[Packet | Skipped]:
        if self._header:
            self._header.append(line)
            if not line:
                self._in_arm = True
                header, self._header = b"\n".join(self._header), []
                yield self._packet(PacketKind.START, header, connection)
        elif line.startswith(b" "):
            yield self._packet(PacketKind.FRAME, line, connection)
        elif line.startswith(b"END "):
            self._in_arm = False
            if not line.endswith(FINISHED):
                logger.warning("stream %r: the arm did not end well: %s", self.stream, line.decode("latin-1"))
            yield self._packet(PacketKind.END, line, connection)
        elif b": " in line:
            self._header = [line]
        elif line and line != ACCEPTED:
            self._number += self._in_arm  # it had values, of one trigger
            yield self.skip("it is no line of a PandABox", [line])

    def _packet(self, kind: PacketKind, text: bytes, connection: int) -> Packet:
        self._number += 1
        return Packet(self.stream, kind, self._number, StreamData(TYPE, [text]), None, connection)
