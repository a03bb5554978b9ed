"""A source that reads captures in the place of detectors."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import zmq

from dranspose.capture import CaptureError
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet
from dranspose.sources.source import SourceError
from dranspose.sources.zmq_source import READ_BYTES
from dranspose_tango.testing.captured_scan import CapturedScan

SOURCE = f"{__name__}:CaptureSource"
"""What an ingester is told as its source."""


def urls_of(streams: Sequence[StreamName], captures: Sequence[Path]) -> list[str]:
    """Return the URLs of the streams in captures, each as ``stream=path``."""
    return [f"{stream}={path}" for stream in streams for path in captures]


class CaptureSource:
    """All streams of one or more captures; a `Source`.

    Args:
        streams: the names of all streams in the captures.
        urls: as `urls_of` has them.
    """

    several_streams = True
    several_series = False
    unanswered = ()
    connections = 1

    def __init__(self, streams: Sequence[StreamName], urls: Sequence[str]) -> None:
        self.streams = streams
        self.sockets: list[socket.socket] = []
        self._captures = [Path(path) for path in dict.fromkeys(url.partition("=")[2] for url in urls)]
        self._packets: Iterator[Packet] = iter(())
        self._other_end: socket.socket | None = None

    def open(self, _context: zmq.Context[Any]) -> None:
        """Begin with the first packet; raises SourceError."""
        try:
            self._packets = CapturedScan(self._captures).packets()
        except (OSError, ValueError, CaptureError) as error:
            raise SourceError(f"streams {', '.join(self.streams)}: {error}") from None
        ready, self._other_end = socket.socketpair()
        self._other_end.send(b"more")  # as long as it is not read the socket is readable
        self.sockets = [ready]

    def close(self) -> None:
        """Forget what was not read."""
        for end in (*self.sockets, self._other_end):
            if end is not None:
                end.close()
        self.sockets, self._other_end = [], None

    def read(self, readable: socket.socket, limit: int) -> list[Packet]:
        """Return the next packets, at most `limit`, fewer of large ones; see `Source.read`."""
        read: list[Packet] = []
        room = READ_BYTES
        for packet in islice(self._packets, limit):
            read.append(packet)
            room -= sum(map(len, packet.data.frames))
            if room <= 0:
                break
        if not read:
            readable.recv(4)
        return read
