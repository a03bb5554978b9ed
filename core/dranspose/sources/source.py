"""What an ingester asks of a source, whatever protocol it speaks."""

from __future__ import annotations

import socket
from collections.abc import Collection, Sequence
from typing import Any, Protocol, TypeAlias

import zmq

from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, Skipped

Readable: TypeAlias = "zmq.Socket[bytes] | socket.socket"
"""What a `zmq.Poller` takes."""


class SourceError(Exception):
    """A source cannot be opened; the text names the stream, the address and the reason."""


class Source(Protocol):
    """A detector, or several, as one thread reads it: nothing here blocks.

    Opened, it has `sockets` to poll; each that is readable is given to `read`, until it has no more. It can be opened
    again after it was closed.
    """

    @property
    def streams(self) -> Sequence[StreamName]:
        """The streams that the packets are of."""

    @property
    def connections(self) -> int:
        """Over how many connections the packets of each stream come."""

    @property
    def several_series(self) -> bool:
        """Whether a scan may take several series of a stream, each with its own start and end packet.

        Then the packets are numbered on over all of them.
        """

    @property
    def unanswered(self) -> Collection[str]:
        """The URLs at which nobody answers now."""

    @property
    def sockets(self) -> Sequence[Readable]:
        """What to poll for reading; none while the source is closed."""

    def open(self, context: zmq.Context[Any]) -> None:
        """Connect, and from then on again whenever the connection is lost; raises SourceError."""

    def close(self) -> None:
        """Disconnect; what has arrived and was not read is lost."""

    def read(self, readable: Any, limit: int) -> list[Packet | Skipped]:
        """Return what has arrived at one of the sockets, at most `limit` messages, fewer of large ones."""
