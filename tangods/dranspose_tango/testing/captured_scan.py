"""A captured scan as the detectors sent it: its trigger map, and the packets of its streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dranspose.capture import CaptureReader
from dranspose.dealing import merge
from dranspose.event import EventData
from dranspose.middlewares import stream1
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, PacketKind


def paths_of(captures: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the absolute paths of one capture, or several."""
    return [Path(path).absolute() for path in ([captures] if isinstance(captures, str | Path) else captures)]


class CapturedScan:
    """The scan in one or more captures, which are merged by event number.

    What event 0 holds are the start packets. What the last event holds are the end packets, unless it holds an image,
    for the captures are the first part of a scan then.

    Attributes:
        streams: the names of all streams.
        events: how many events there are, with those of the start and end packets.
        is_whole: whether there is an end packet of each stream.

    Raises:
        OSError, CaptureError, JoinError: a capture cannot be read, or merged with the others.
        ValueError: they hold no scan, several, or one without the start packet of some stream.
    """

    def __init__(self, captures: Sequence[Path]) -> None:
        self._captures = captures
        self._streams_of: dict[int, list[StreamName]] = {}
        for event in self._read():
            self._streams_of[event.event_number] = list(event.streams)
            last = event
        self.streams = tuple(dict.fromkeys(stream for streams in self._streams_of.values() for stream in streams))
        if headless := set(self.streams).difference(self._streams_of.get(0, ())):
            raise ValueError(f"{self._named}: there is no start packet, in event 0, of {', '.join(sorted(headless))}")
        has_ends = last.event_number > 0 and not any(map(stream1.is_image, last.streams.values()))
        self._end_event = last.event_number if has_ends else last.event_number + 1
        self.is_whole = has_ends and len(last.streams) == len(self.streams)
        self.events = self._end_event + 1

    def trigger_map(self) -> dict[str, Any]:
        """Return the map in JSON, in which each event is a virtual worker by itself."""
        inner = range(1, self._end_event)
        if all(len(self._streams_of.get(event, ())) == len(self.streams) for event in inner):
            return {"uniform": {"streams": list(self.streams), "events": len(inner)}}
        return {
            stream: [[{"constraint": event}] if stream in self._streams_of.get(event, ()) else None for event in inner]
            for stream in self.streams
        }

    def packets(self) -> Iterator[Packet]:
        """Yield the packets of all streams in the order of events."""
        numbers: Counter[StreamName] = Counter()
        for event in self._read():
            kind = {0: PacketKind.START, self._end_event: PacketKind.END}.get(event.event_number, PacketKind.FRAME)
            for stream, data in event.streams.items():
                yield Packet(stream, kind, numbers[stream], data)
                numbers[stream] += 1

    @property
    def _named(self) -> str:
        return ", ".join(map(str, self._captures))

    def _read(self) -> Iterator[EventData]:
        previous = -1
        for _, event in merge(iter(CaptureReader(path)) for path in self._captures):
            if event.event_number <= previous:
                raise ValueError(
                    f"{self._named}: after event {previous} comes {event.event_number}: more than one scan"
                )
            previous = event.event_number
            yield event
        if previous < 0:
            raise ValueError(f"{self._named or 'no capture'}: there is nothing to replay")
