"""The base of sources whose messages tell which series they are of, and images the index that they have in it."""

from __future__ import annotations

from dranspose.data.message import MalformedFrameError
from dranspose.event import StreamData
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.zmq_source import ZmqSource


class SeriesSource(ZmqSource):
    """A source that leaves out what is of another series than that which began."""

    def begin(self) -> None:
        """Forget the series before; see `ZmqSource.begin`."""
        self._series: int | str | None = None
        self._next_number = 0

    def packet(self, kind: PacketKind, series: int | str, data: StreamData, index: int = 0) -> Packet:
        """Return the packet that a message of a series is; the images of a series have the indices from 0 on.

        Raises:
            MalformedFrameError: another series began.
        """
        if kind is PacketKind.START:
            self._series = series
        elif self._series not in (None, series):
            raise MalformedFrameError(f"it is of series {series!r:.80}, while series {self._series!r:.80} began")
        number = {PacketKind.START: 0, PacketKind.FRAME: index + 1, PacketKind.END: self._next_number}[kind]
        self._next_number = number + 1
        return Packet(self.stream, kind, number, data)
