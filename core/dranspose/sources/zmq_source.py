"""The base of sources that receive ZMQ messages: sockets, bounds and bookkeeping; a subclass knows the protocol."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import zmq
from zmq.utils.monitor import recv_monitor_message

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, frame_bytes
from dranspose.multipart import COPIED_BELOW, NO_WAIT
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, Skipped
from dranspose.sources.skips import Skips
from dranspose.sources.source import SourceError

logger = logging.getLogger(__name__)

MAX_PARTS = 1024
READ_BYTES = 2**26
"""So much is read at once, and the message with which it is more."""

QUEUED_MESSAGES = {zmq.PULL: 64, zmq.STREAM: 1000, zmq.SUB: 10_000}
"""A full queue makes a PUSH socket wait, but a PUB socket drop; a STREAM socket's messages are of 8 kB."""

_WATCHED = zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_CONNECT_RETRIED | zmq.EVENT_DISCONNECTED

OPTIONS = {
    zmq.LINGER: 0,
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


class ZmqSource(ABC):
    """One stream that comes in ZMQ messages; a `Source` once its subclass has `packets_of`.

    Args:
        stream: the name that the stream has in trigger maps.
        urls: where to connect a socket to, such as ``tcp://detector:9999``; the same URL may occur several times.

    Attributes:
        socket_type: ``zmq.PULL``, ``zmq.SUB``, which subscribes to everything, or ``zmq.STREAM`` for raw TCP; a
            subclass has to set it.
        several_connections: whether messages may come over several connections, and overtake each other.
        unanswered: the URLs at which nobody answers now.
        max_part_bytes: a message with a larger part is not received, and its sender disconnected.
    """

    socket_type: ClassVar[zmq.SocketType]
    several_connections: ClassVar[bool] = False
    max_part_bytes: ClassVar[int] = 2**31
    several_series = False

    def __init__(self, stream: StreamName, urls: Sequence[str]) -> None:
        if not urls:
            raise ValueError(f"stream {stream!r}: {type(self).__name__} needs a URL")
        if len(urls) > 1 and not self.several_connections:
            raise ValueError(f"stream {stream!r}: {type(self).__name__} takes one URL, not {', '.join(urls)}")
        self.stream = stream
        self.streams = (stream,)
        self.connections = len(urls)
        self.sockets: list[zmq.Socket[bytes]] = []
        self._urls = tuple(urls)
        self._connection_of: dict[zmq.Socket[bytes], int] = {}
        self._connects_to: dict[zmq.Socket[bytes], str] = {}
        self.unanswered: set[str] = set()
        self._skips = Skips(stream, ", ".join(urls))

    @abstractmethod
    def packets_of(self, parts: list[Frame], connection: int) -> Iterable[Packet | Skipped]:
        """Return what a message is: a packet, several, or none; it came over one of the connections, from 0.

        Parts of less than `COPIED_BELOW` bytes are ``bytes``.

        Raises:
            MalformedFrameError: the message is none of the protocol; it is counted, logged and left out.
        """

    def begin(self) -> None:  # noqa: B027 - most have no memory
        """Forget what came before: the source is being opened."""

    def skip(self, reason: str, parts: list[Frame]) -> Skipped:
        """Count and log a message beside the one in hand, such as one that what came now is no continuation of."""
        return self._skips.skip(reason, frame_bytes(parts[0]))

    @property
    def skipped(self) -> int:
        """How many messages were skipped since the source was opened."""
        return self._skips.count

    def open(self, context: zmq.Context[Any]) -> None:
        """Connect; see `Source.open`."""
        self._skips = Skips(self.stream, ", ".join(self._urls))
        self.begin()
        for connection, url in enumerate(self._urls):
            socket = context.socket(self.socket_type)
            self._connection_of[socket] = connection
            for option, value in OPTIONS.items():
                socket.setsockopt(option, value)
            socket.setsockopt(zmq.RCVHWM, QUEUED_MESSAGES[self.socket_type])
            socket.setsockopt(zmq.MAXMSGSIZE, self.max_part_bytes)
            if self.socket_type == zmq.SUB:
                socket.subscribe(b"")
            monitor = socket.get_monitor_socket(_WATCHED)
            self._connects_to[monitor] = url
            try:
                socket.connect(url)
            except zmq.ZMQError as error:
                self.close()
                raise SourceError(f"stream {self.stream!r}: cannot connect to {url!r}: {error}") from None
        self.sockets = [*self._connection_of, *self._connects_to]

    def close(self) -> None:
        """Disconnect; see `Source.close`."""
        for socket in self._connection_of:
            if not socket.closed:  # with its context, when the ingester ended in the middle of a scan
                socket.disable_monitor()
                socket.close()
        for monitor in self._connects_to:
            monitor.close()
        self._connection_of.clear()
        self._connects_to.clear()
        self.unanswered.clear()
        self.sockets = []

    def read(self, readable: zmq.Socket[bytes], limit: int) -> list[Packet | Skipped]:
        """Return what has arrived; see `Source.read`."""
        if readable in self._connects_to:
            self._tell(readable)
            return []
        read: list[Packet | Skipped] = []
        room = READ_BYTES
        connection = self._connection_of[readable]
        try:
            for _ in range(limit):
                parts = receive(readable)
                room -= sum(map(len, parts))
                try:
                    if len(parts) > MAX_PARTS:
                        raise MalformedFrameError(f"it has more than {MAX_PARTS} parts")
                    read += self.packets_of(parts, connection)
                except MalformedFrameError as error:
                    read.append(self.skip(str(error), parts))
                except Exception as error:  # noqa: BLE001 - a source of anybody's making loses only this message
                    read.append(self.skip(f"{type(self).__name__} failed: {error!r:.200}", parts))
                if room <= 0 or len(read) >= limit:
                    break
        except zmq.Again:
            pass
        return read

    def _tell(self, monitor: zmq.Socket[bytes]) -> None:
        """Log what became of a connection."""
        url = self._connects_to[monitor]
        is_raw = self.socket_type == zmq.STREAM  # which has no handshake
        while monitor.poll(0):
            event = recv_monitor_message(monitor)["event"]
            match event:
                case zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED if (event == zmq.EVENT_CONNECTED) == is_raw:
                    self.unanswered.discard(url)
                    logger.info("stream %r: connected to %s", self.stream, url)
                case zmq.EVENT_DISCONNECTED:
                    logger.warning("stream %r: lost the connection to %s, connecting again", self.stream, url)
                case zmq.EVENT_CONNECT_RETRIED if url not in self.unanswered:
                    self.unanswered.add(url)
                    logger.warning(
                        "stream %r: nobody answers at %s, trying again until somebody does", self.stream, url
                    )


def receive(socket: zmq.Socket[bytes]) -> list[Frame]:
    """Return the parts of a message, large ones as ``zmq.Frame``; of too many parts one more than `MAX_PARTS`.

    Raises:
        zmq.Again: there is no message.
    """
    parts: list[Frame] = []
    while True:
        # to ask the frame whether there are more takes a small part of the time that RCVMORE takes
        frame = socket.recv(NO_WAIT, copy=False)
        if len(parts) <= MAX_PARTS:
            parts.append(frame.bytes if len(frame) < COPIED_BELOW else frame)
        if not frame.more:
            return parts
